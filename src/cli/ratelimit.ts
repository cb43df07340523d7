import { configureLogging, type LogLevel } from '../observability/index.ts'
import { type Flag, HELP } from './flag-table.ts'
import { describeFlags } from './help.ts'
import { EXIT_OK, type Output, usageError } from './output.ts'
import { parseFlags } from './parse-flags.ts'

const LEVELS = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off']

const text = (name: string, help: string): Flag => ({ name, kind: 'text', help })
const number = (name: string, help: string): Flag => ({ name, kind: 'number', help })
const onOff = (name: string, help: string): Flag => ({ name, kind: 'switch', help })

const FLAGS: readonly Flag[] = [
  { ...text('config', "Directory of envoyproxy/ratelimit's configuration files, or one file."), short: 'c' },
  onOff('check', 'Check the configuration and exit.'),
  text('listen', 'Address of the gRPC service; default 0.0.0.0:8081.'),
  text('http', "Address of /json, /healthcheck, /stats and /rlconfig; default 0.0.0.0:8080; 'none': no such port."),
  text('debug', 'A second address for the same pages.'),
  text('redis', 'Keep counters in this Redis: redis://[user:password@]host:port[/db], or a path. Default: in memory.'),
  text('redis-per-second', 'Another Redis for limits per second.'),
  text('redis-timeout', 'A Redis that does not answer for this long is given up; default 500ms.'),
  { ...text('window', 'How limits look back: fixed (default) or sliding.'), choices: ['fixed', 'sliding'] },
  number('max-counters', 'Counters kept in memory per length of window; default 1000000.'),
  onOff('stop-when-over', 'Requests that one limit refuses do not count for their other limits.'),
  number('expiration-jitter', 'Seconds that keys in Redis may outlive their window, at random; default 300.'),
  number(
    'local-cache-bytes',
    'Memory for keys known to be over their limit, which Redis is not asked about; default 0.',
  ),
  text('near-limit-ratio', 'Share of a limit from which hits count as near_limit; default 0.8.'),
  text('key-prefix', 'Put before every key in Redis.'),
  onOff('response-headers', 'Answers carry RateLimit-Limit, -Remaining and -Reset for the client.'),
  onOff('shadow-mode', 'Refuse nobody; count what would have been refused.'),
  onOff('quota-mode', 'Every limit is a quota: a request is refused when all of them are used up.'),
  onOff('merge-domains', 'Several files may describe the same domain.'),
  onOff('health-needs-config', 'Not healthy without a single limit.'),
  onOff('health-needs-redis', 'Not healthy while Redis is not connected.'),
  text('max-connection-age', 'Connections this old are asked to come again; default 24h; 0: never.'),
  text('drain-delay', 'From SIGTERM, when health says no, to the closing of the ports; default 1s.'),
  text('drain-time', 'What calls under way may take after that; default 30s.'),
  number('max-dynamic-stats', 'Names of stats that requests may bring; default 10000.'),
  { ...text('log-level', 'Log level; default info.'), short: 'l', choices: LEVELS },
  text('log-format', "Pattern of a log line, or 'json'."),
  HELP,
]

const ABOUT = `Usage: outrider ratelimit --config DIR [flags]

A global rate limit service: the configuration files and the gRPC API of envoyproxy/ratelimit. Where a flag is not given,
its environment variables count: RUNTIME_ROOT, GRPC_PORT, PORT, REDIS_URL and others (docs/ratelimit.md has all of them).

`

/** `outrider ratelimit --config DIR`. */
export async function ratelimit(argv: readonly string[], output: Output): Promise<number> {
  const flags = parseFlags(argv, FLAGS)
  if (flags.values.has('help')) {
    output.out(`${ABOUT}${describeFlags(FLAGS)}`)
    return EXIT_OK
  }
  const { readSettings, runRateLimitServer, checkRateLimitConfig } = await import('../services/ratelimit/index.ts')
  const extra = flags.positional.map(word => `unexpected word '${word}'`)
  const { settings, problems, notes } = readSettings(flags.values, process.env)
  const all = [...flags.problems, ...extra, ...problems]
  if (all.length > 0) return usageError(output, 'ratelimit', all)
  if (flags.values.has('check')) {
    const code = checkRateLimitConfig(settings, report => output.err(report))
    if (code === EXIT_OK) output.out(`${settings.configPath}: OK\n`)
    return code
  }
  configureLogging(logOptions(flags.values.get('log-level'), flags.values.get('log-format')))
  for (const note of notes) output.err(`outrider ratelimit: ${note}\n`)
  return runRateLimitServer(settings, report => output.err(report))
}

/** LOG_LEVEL and LOG_FORMAT as envoyproxy/ratelimit has them, where no flag says otherwise. */
function logOptions(
  level = process.env['LOG_LEVEL']?.toLowerCase(),
  format = process.env['LOG_FORMAT']?.toLowerCase() === 'json' ? 'json' : undefined,
): Parameters<typeof configureLogging>[0] {
  const known = level === 'warn' ? 'warning' : level
  return {
    ...(known !== undefined && LEVELS.includes(known) ? { level: known as LogLevel } : {}),
    ...(format === 'json' ? { json: true } : format === undefined ? {} : { format }),
  }
}
