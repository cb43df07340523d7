import type { Worker } from 'node:worker_threads'
import { log } from '../observability/index.ts'
import { loadConfiguration } from './configuration.ts'
import { configureMainLogging } from './logging.ts'
import type { ServerOptions } from './options.ts'
import { Server } from './server.ts'

const logger = log('main')
const EXIT_OK = 0
const EXIT_FAILURE = 1
/** As shells report an end by a signal that could not wait. */
const EXIT_FORCED = 130

export interface RunOptions {
  /** Ends as soon as everything is up: `--mode init_only`. */
  readonly exitWhenReady?: boolean
  /** Workers that have been started ahead. */
  readonly workers?: readonly Worker[]
  /** Told once traffic is served. */
  readonly onLive?: (server: Server) => void
}

/** Runs a proxy until it is told to stop; returns the exit code of the process. */
export async function runServer(options: ServerOptions, run: RunOptions = {}): Promise<number> {
  const unknownComponents = configureMainLogging(options.logging)
  if (unknownComponents.length > 0) logger.warn(`no such log component: ${unknownComponents.join(', ')}`)
  for (const flag of options.withoutEffect) logger.info(`flag without effect here: ${flag}`)
  const server = new Server(options, run.workers)
  const { configuration, report } = loadConfiguration(options)
  if (report !== '') process.stderr.write(report)
  if (configuration === undefined) {
    await server.abandon()
    return EXIT_FAILURE
  }
  const signals = new Signals(server)
  const problem = await server.start(configuration)
  if (problem !== null) {
    logger.critical(problem)
    // Whoever started it by hand looks here and not into a file.
    if (options.logging.path !== null) process.stderr.write(`outrider: ${problem}\n`)
    await server.abandon()
    return EXIT_FAILURE
  }
  run.onLive?.(server)
  if (run.exitWhenReady === true) server.quit()
  await server.stopped
  signals.forget()
  return EXIT_OK
}

/** SIGTERM and SIGINT drain, a second one forces; SIGUSR1 reopens logs; SIGHUP does nothing, as with Envoy. */
class Signals {
  private readonly handlers: readonly (readonly [NodeJS.Signals, () => void])[]
  private stopping = false

  constructor(server: Server) {
    const stop = () => {
      if (this.stopping) process.exit(EXIT_FORCED)
      this.stopping = true
      server.shutDown()
    }
    this.handlers = [
      ['SIGTERM', stop],
      ['SIGINT', stop],
      ['SIGUSR1', () => server.reopenLogs()],
      ['SIGHUP', () => logger.info('SIGHUP is ignored')],
    ]
    for (const [signal, handler] of this.handlers) process.on(signal, handler)
  }

  forget(): void {
    for (const [signal, handler] of this.handlers) process.off(signal, handler)
  }
}
