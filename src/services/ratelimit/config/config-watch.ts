import { WatchedFiles } from '../../../base/index.ts'
import { log, type StatBlock, type StatStore, statTemplate } from '../../../observability/index.ts'
import type { LimitStats } from '../limiter/limit-stats.ts'
import { type LoadedConfig, type LoadSettings, loadConfigFiles } from './config-files.ts'
import type { RateLimitConfig } from './rate-limit-config.ts'

const CONFIG_STATS = statTemplate({ counters: ['config_load_error', 'config_load_success'], gauges: ['config_stale'] })
const LOAD_ERROR = CONFIG_STATS.slot('config_load_error')
const LOAD_SUCCESS = CONFIG_STATS.slot('config_load_success')
/** 1 while the files have errors and an earlier load of them is in force. */
const STALE = CONFIG_STATS.slot('config_stale')

const logger = log('config')

/** Loads the configuration, and loads it anew whenever a file or directory of it has changed, whatever the way. */
export class ConfigWatch {
  private readonly settings: LoadSettings
  private readonly limitStats: LimitStats
  private readonly stats: StatBlock
  private readonly files = new WatchedFiles()
  private watched: ReadonlySet<string> = new Set()

  constructor(settings: LoadSettings, limitStats: LimitStats, stats: StatStore) {
    this.settings = settings
    this.limitStats = limitStats
    this.stats = stats.block('ratelimit.service.', CONFIG_STATS)
  }

  /** The first load; `onChange` gets every later one that has no errors. */
  start(onChange: (config: RateLimitConfig) => void): LoadedConfig {
    const loaded = this.load()
    this.files.start(() => {
      const { config, report } = this.load()
      if (config !== null) {
        logger.info(`the configuration in ${this.settings.path} has changed and is in force`)
        if (report !== '') logger.warn(report)
        onChange(config)
      } else logger.error(`the configuration in ${this.settings.path} has errors; the last good one stays\n${report}`)
    })
    return loaded
  }

  stop(): void {
    this.files.stop()
  }

  private load(): LoadedConfig {
    const { cells } = this.stats
    const loaded = loadConfigFiles(this.settings, this.limitStats)
    cells[loaded.config === null ? LOAD_ERROR : LOAD_SUCCESS]! += 1
    cells[STALE] = loaded.config === null ? 1 : 0
    const now = new Set(loaded.watched)
    for (const path of this.watched) if (!now.has(path)) this.files.remove(path)
    for (const path of now) this.files.add(path)
    this.watched = now
    return loaded
  }
}
