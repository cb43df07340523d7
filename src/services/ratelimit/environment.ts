export type Environment = Readonly<Record<string, string | undefined>>

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/

/** '1h30m' in ms, as Go writes durations; undefined: it is none. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!DURATION.test(text)) return undefined
  const parts = text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNIT_MS[unit!]!, 0)
}

/** Variables of envoyproxy/ratelimit that ask for what is not here: ignoring them would do harm, so they are refused. */
const REFUSED: readonly (readonly [string, (value: string) => boolean, string])[] = [
  ['BACKEND_TYPE', value => value !== 'redis' && value !== 'memory', 'counters live in memory or in Redis'],
  ['CONFIG_TYPE', value => value !== 'FILE', 'configuration comes from files'],
  ['GRPC_SERVER_USE_TLS', isTrue, 'TLS belongs into a proxy before this service'],
  ['RESPONSE_DYNAMIC_METADATA', isTrue, 'answers carry no dynamic metadata'],
]

/** Variables that change nothing here, each with why. */
const WITHOUT_EFFECT: readonly (readonly [RegExp, string])[] = [
  [
    /^REDIS_(?:PERSECOND_)?(?:POOL_SIZE|POOL_ON_EMPTY_BEHAVIOR|PIPELINE_WINDOW|PIPELINE_LIMIT)$/,
    'one connection carries all commands',
  ],
  [
    /^(?:USE_STATSD|STATSD_HOST|STATSD_PORT|USE_DOG_STATSD|USE_DOG_STATSD_MOGRIFIERS|STATS_FLUSH_INTERVAL|EXTRA_TAGS)$/,
    'stats are read at /stats',
  ],
  [
    /^(?:USE_PROMETHEUS|PROMETHEUS_ADDR|PROMETHEUS_PATH|PROMETHEUS_MAPPER_YAML|DISABLE_STATS)$/,
    'stats are read at /stats',
  ],
  [/^RUNTIME_(?:WATCH_ROOT|IGNOREDOTFILES)$/, 'all changes are noticed, and names with a leading dot never read'],
  [/^TRACING_/, 'this service makes no spans'],
  [/^FORCE_START_WITHOUT_INITIAL_CONFIG$/, 'an empty directory is a configuration, one with errors is none'],
]

function isTrue(value: string): boolean {
  return /^(?:1|t|true)$/i.test(value)
}

/** Reads the environment variables of envoyproxy/ratelimit. */
export class EnvironmentReader {
  readonly problems: string[] = []
  readonly notes: string[] = []
  private readonly environment: Environment

  constructor(environment: Environment) {
    this.environment = environment
  }

  /** '' when not set. */
  text(name: string): string {
    return this.environment[name] ?? ''
  }

  flag(name: string): boolean {
    const value = this.text(name)
    if (value === '' || isTrue(value)) return value !== ''
    if (!/^(?:0|f|false)$/i.test(value)) this.problems.push(`${name} is true or false, not '${value}'`)
    return false
  }

  duration(name: string, fallbackMs: number): number {
    const text = this.text(name)
    if (text === '') return fallbackMs
    const ms = parseDuration(text)
    if (ms === undefined) this.problems.push(`${name} is a duration such as 500ms or 10s, not '${text}'`)
    return ms ?? fallbackMs
  }

  /** Looks for variables that nothing here reads. */
  checkRest(): void {
    for (const [name, isRefused, why] of REFUSED) {
      const value = this.text(name)
      if (value !== '' && isRefused(value)) this.problems.push(`${name}=${value} is not part of this release: ${why}`)
    }
    for (const name of Object.keys(this.environment)) {
      const why = WITHOUT_EFFECT.find(([names]) => names.test(name))?.[1]
      if (why !== undefined) this.notes.push(`${name} has no effect: ${why}`)
    }
  }
}
