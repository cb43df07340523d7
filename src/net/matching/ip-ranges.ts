// xds.type.matcher.v3.IPMatcher: the longest range that holds an address; wider ones where it leads nowhere.

import type { IPMatcherJson } from '#api/xds/type/matcher/v3/ip_pb.ts'
import type { Matcher_OnMatchJson as OnMatchJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import { type Cidr, parseCidr, parseIp } from '../cidr.ts'

interface Range<Step> {
  readonly cidr: Cidr
  readonly step: Step
  /** It counts only where no longer range holds the address. */
  readonly exclusive: boolean
}

export class IpRanges<Step> {
  /** Longest prefix first, in the order of the configuration where equal. */
  private readonly ranges: readonly Range<Step>[]

  private constructor(ranges: readonly Range<Step>[]) {
    this.ranges = ranges.toSorted((a, b) => b.cidr.prefixLength - a.cidr.prefixLength)
  }

  static compile<Step>(
    config: IPMatcherJson,
    onMatch: (json: OnMatchJson | undefined, path: ConfigPath) => Step,
    context: CompileContext,
    path: ConfigPath,
  ): IpRanges<Step> {
    const ranges: Range<Step>[] = []
    for (const [i, matcher] of (config.rangeMatchers ?? []).entries()) {
      const at = path.field('range_matchers').index(i)
      const step = onMatch(matcher.onMatch, at.field('on_match'))
      for (const [r, json] of (matcher.ranges ?? []).entries()) {
        const cidr = parseCidr(json)
        if (cidr !== null) ranges.push({ cidr, step, exclusive: matcher.exclusive === true })
        else
          context.diagnostics.error(at.field('ranges').index(r), 'is not an IP range', {
            found: json.addressPrefix ?? '',
          })
      }
    }
    return new IpRanges(ranges)
  }

  find<Found>(value: unknown, run: (step: Step) => Found | null): Found | null {
    const ip = typeof value === 'string' ? parseIp(value) : null
    if (ip === null) return null
    let first = true
    for (const { cidr, step, exclusive } of this.ranges) {
      if (!cidr.contains(ip)) continue
      const found = first || !exclusive ? run(step) : null
      if (found !== null) return found
      first = false
    }
    return null
  }
}
