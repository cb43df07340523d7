// Why a response is what it is: Envoy's flags as bits, in the order in which they are printed.
// [constant name, short name]; the constant's name is also the long form.
const TABLE = [
  ['UpstreamRetryLimitExceeded', 'URX'],
  ['FailedLocalHealthCheck', 'LH'],
  ['NoHealthyUpstream', 'UH'],
  ['UpstreamRequestTimeout', 'UT'],
  ['LocalReset', 'LR'],
  ['UpstreamRemoteReset', 'UR'],
  ['UpstreamConnectionFailure', 'UF'],
  ['UpstreamConnectionTermination', 'UC'],
  ['UpstreamOverflow', 'UO'],
  ['NoRouteFound', 'NR'],
  ['DelayInjected', 'DI'],
  ['FaultInjected', 'FI'],
  ['RateLimited', 'RL'],
  ['UnauthorizedExternalService', 'UAEX'],
  ['RateLimitServiceError', 'RLSE'],
  ['DownstreamConnectionTermination', 'DC'],
  ['StreamIdleTimeout', 'SI'],
  ['InvalidEnvoyRequestHeaders', 'IH'],
  ['DownstreamProtocolError', 'DPE'],
  ['UpstreamMaxStreamDurationReached', 'UMSDR'],
  ['ResponseFromCacheFilter', 'RFCF'],
  ['NoFilterConfigFound', 'NFCF'],
  ['DurationTimeout', 'DT'],
  ['UpstreamProtocolError', 'UPE'],
  ['NoClusterFound', 'NC'],
  ['OverloadManagerTerminated', 'OM'],
  ['DnsResolutionFailed', 'DF'],
  ['DropOverload', 'DO'],
  ['DownstreamRemoteReset', 'DR'],
  ['UnconditionalDropOverload', 'UDO'],
] as const

type FlagName = (typeof TABLE)[number][0]
type ShortName = (typeof TABLE)[number][1]

/** Bits of StreamInfo.flags. */
export const ResponseFlag = Object.freeze(
  Object.fromEntries(TABLE.map(([name], index) => [name, 1 << index])),
) as Readonly<Record<FlagName, number>>

const bitOfShort = new Map<string, number>(TABLE.map(([, short], index) => [short, 1 << index]))

/** The bit of a short name such as 'UF'; undefined for an unknown one. */
export function responseFlagOf(short: ShortName | string): number | undefined {
  return bitOfShort.get(short)
}

export const responseFlagNames: readonly string[] = TABLE.map(([, short]) => short)

/** The bits of Envoy's own flags, of which URX is the sixteenth. */
export function envoyResponseFlags(flags: number): number {
  return ((flags >>> 1) & 0x7fff) | ((flags & 1) << 15) | (flags & ~0xffff)
}

/** 'URX,UF', or '-' when no flag is set. A TCP connection names the failure first: 'UF,URX'. */
export function flagsToString(flags: number, tcp = false): string {
  return join(flags, 1, tcp)
}

export function flagsToLongString(flags: number, tcp = false): string {
  return join(flags, 0, tcp)
}

function join(flags: number, column: 0 | 1, tcp: boolean): string {
  if (flags === 0) return '-'
  const names = TABLE.filter((_, index) => (flags & (1 << index)) !== 0).map(entry => entry[column])
  if (tcp && (flags & 1) !== 0) names.push(names.shift() as (typeof names)[number])
  return names.join(',')
}
