// Rate limit actions that say a configured value when the request matches.
import type {
  RateLimit_Action_HeaderValueMatchJson as HeaderValueMatchJson,
  RateLimit_Action_QueryParameterValueMatchJson as QueryParameterValueMatchJson,
  RateLimit_Action_RemoteAddressMatchJson as RemoteAddressMatchJson,
} from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import { type Cidr, celSettings, endpointOf, parseCidr } from '../../net/index.ts'
import { compileFormat, type Formatter } from '../../observability/index.ts'
import { compileHeaderMatchers, type HeaderMatch } from '../matchers/header-matcher.ts'
import { compileDecodedQueryMatchers, type QueryParameterMatch } from '../matchers/query-parameter-matcher.ts'
import type { DescriptorEntry, RateLimitAction, RateLimitSubject } from './descriptor.ts'

export class HeaderValueMatchAction implements RateLimitAction {
  private readonly entry: DescriptorEntry
  private readonly expected: boolean
  private readonly matchers: readonly HeaderMatch[]

  constructor(json: HeaderValueMatchJson, context: CompileContext, path: ConfigPath) {
    this.entry = entryOf(json, 'header_match')
    this.expected = json.expectMatch ?? true
    this.matchers = compileHeaderMatchers(json.headers, context, path.field('headers'))
  }

  populate(entries: DescriptorEntry[], { headers }: RateLimitSubject): boolean {
    let all = true
    for (let i = 0; i < this.matchers.length && all; i++) all = this.matchers[i]!.matches(headers)
    if (all !== this.expected) return false
    entries.push(this.entry)
    return true
  }
}

export class QueryParameterValueMatchAction implements RateLimitAction {
  private readonly entry: DescriptorEntry
  private readonly expected: boolean
  private readonly matchers: readonly QueryParameterMatch[]

  constructor(json: QueryParameterValueMatchJson, context: CompileContext, path: ConfigPath) {
    this.entry = entryOf(json, 'query_match')
    this.expected = json.expectMatch ?? true
    this.matchers = compileDecodedQueryMatchers(json.queryParameters, context, path.field('query_parameters'))
  }

  populate(entries: DescriptorEntry[], { headers }: RateLimitSubject): boolean {
    const { path } = headers
    let all = true
    for (let i = 0; i < this.matchers.length && all; i++) all = this.matchers[i]!.matches(path)
    if (all !== this.expected) return false
    entries.push(this.entry)
    return true
  }
}

/** The one action whose value is a format string. */
export class RemoteAddressMatchAction implements RateLimitAction {
  private readonly key: string
  private readonly formatter: Formatter | null
  private readonly fallback: string
  private readonly ranges: readonly Cidr[]
  private readonly inverted: boolean

  constructor(json: RemoteAddressMatchJson, context: CompileContext, path: ConfigPath) {
    this.key = toWireText(json.descriptorKey === undefined || json.descriptorKey === '' ? KEY : json.descriptorKey)
    this.formatter = formatterOf(json.descriptorValue ?? '', context, path.field('descriptor_value'))
    this.fallback = toWireText(json.defaultValue ?? '')
    this.inverted = json.addressMatcher?.invertMatch === true
    this.ranges = rangesOf(json, context, path.field('address_matcher').field('ranges'))
  }

  populate(entries: DescriptorEntry[], { headers, info }: RateLimitSubject): boolean {
    const { ip } = endpointOf(info.remoteAddress ?? info.connection.remoteAddress)
    if (ip === null || this.ranges.some(range => range.contains(ip)) === this.inverted) return false
    const text =
      this.formatter?.format({ requestHeaders: headers, responseHeaders: null, responseTrailers: null, info }) ?? ''
    const value = text === '' ? this.fallback : text
    if (value === '') return false
    entries.push({ key: this.key, value })
    return true
  }
}

const KEY = 'remote_address_match'

function entryOf(json: { descriptorKey?: string; descriptorValue?: string }, key: string): DescriptorEntry {
  const configured = json.descriptorKey ?? ''
  return { key: toWireText(configured === '' ? key : configured), value: toWireText(json.descriptorValue ?? '') }
}

function rangesOf(json: RemoteAddressMatchJson, context: CompileContext, path: ConfigPath): readonly Cidr[] {
  const ranges: Cidr[] = []
  for (const [i, range] of (json.addressMatcher?.ranges ?? []).entries()) {
    const cidr = parseCidr(range)
    if (cidr !== null) ranges.push(cidr)
    else {
      const found = range.addressPrefix ?? ''
      context.diagnostics.error(path.index(i).field('address_prefix'), 'is not an IP address', { found })
    }
  }
  return ranges
}

/** A formatter over the request; null after a diagnostic. */
export function formatterOf(text: string, context: CompileContext, path: ConfigPath): Formatter | null {
  const formatter = compileFormat(text, { missing: '', cel: celSettings(undefined, context) })
  if (!('error' in formatter)) return formatter
  context.diagnostics.error(path, formatter.error, { found: text, code: 'bad-format' })
  return null
}
