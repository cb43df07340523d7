// xds.type.matcher.v3.ServerNameMatcher: an exact domain, then the longest wildcard ('*.b.test'), then '*'.
import type { ServerNameMatcherJson } from '#api/xds/type/matcher/v3/domain_pb.ts'
import type { Matcher_OnMatchJson as OnMatchJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import type { ConfigPath } from '../../config/index.ts'

export class ServerNames<Step> {
  private readonly steps: ReadonlyMap<string, Step>

  private constructor(steps: ReadonlyMap<string, Step>) {
    this.steps = steps
  }

  static compile<Step>(
    config: ServerNameMatcherJson,
    onMatch: (json: OnMatchJson | undefined, path: ConfigPath) => Step,
    path: ConfigPath,
  ): ServerNames<Step> {
    const steps = new Map<string, Step>()
    for (const [i, { domains = [], onMatch: on }] of (config.domainMatchers ?? []).entries()) {
      const step = onMatch(on, path.field('domain_matchers').index(i).field('on_match'))
      for (const domain of domains) if (!steps.has(domain.toLowerCase())) steps.set(domain.toLowerCase(), step)
    }
    return new ServerNames(steps)
  }

  find<Found>(value: unknown, run: (step: Step) => Found | null): Found | null {
    if (typeof value !== 'string' || value === '') return null
    const name = value.toLowerCase()
    let key = name
    for (let dot = -1; ; ) {
      const step = this.steps.get(key)
      const found = step === undefined ? null : run(step)
      if (found !== null) return found
      dot = name.indexOf('.', dot + 1)
      if (dot < 0) break
      key = `*${name.slice(dot)}`
    }
    const any = this.steps.get('*')
    return any === undefined ? null : run(any)
  }
}
