import { log, StatStore } from '../../observability/index.ts'
import { loadConfigFiles } from './config/config-files.ts'
import { LimitStats } from './limiter/limit-stats.ts'
import { RateLimitServer } from './rate-limit-server.ts'
import type { RateLimitServerSettings } from './settings.ts'

const logger = log('main')
const EXIT_OK = 0
const EXIT_FAILURE = 1
/** As shells report an end by a signal that could not wait. */
const EXIT_FORCED = 130

/** Serves until SIGTERM or SIGINT; returns the exit code of the process. */
export async function runRateLimitServer(
  settings: RateLimitServerSettings,
  report: (text: string) => void,
): Promise<number> {
  const server = new RateLimitServer(settings)
  const starting = server.start()
  const stopped = new Promise<void>(resolve => {
    let stopping = false
    const stop = (): void => {
      if (stopping) process.exit(EXIT_FORCED)
      stopping = true
      // One that is still starting is stopped once it stands: nothing stays behind that way.
      void starting.then(() => server.shutDown()).then(resolve)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
  const started = await starting
  if (typeof started === 'string') {
    report(started)
    return EXIT_FAILURE
  }
  const { redis } = settings
  logger.info(`counters are in ${redis === null ? 'memory' : `redis ${redis.shown}`}, windows are ${settings.window}`)
  for (const address of started.http) logger.info(`HTTP is served at ${address}`)
  logger.info(`gRPC is served at ${started.grpc}`)
  await stopped
  return EXIT_OK
}

/** Checks the configuration and starts nothing. */
export function checkRateLimitConfig(settings: RateLimitServerSettings, report: (text: string) => void): number {
  const stats = new LimitStats(new StatStore(), settings.maxDynamicStats)
  const loaded = loadConfigFiles(
    { path: settings.configPath, mergeDomains: settings.mergeDomains, nearLimitRatio: settings.nearLimitRatio },
    stats,
  )
  report(loaded.report)
  return loaded.config === null ? EXIT_FAILURE : EXIT_OK
}
