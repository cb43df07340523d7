import type { StatsSettings } from '../render/stats-view.ts'
import { TagExtractor } from './tag-extractor.ts'

/** Upper bounds of the buckets a histogram is printed in unless configured, in its own unit (mostly ms). */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
]

/** One of StatsConfig.histogram_bucket_settings. */
export interface BucketSetting {
  readonly matches: (name: string) => boolean
  /** Rising upper bounds. */
  readonly buckets: readonly number[]
}

/** What bucketsOf of StatsSettings is made of: the first setting that matches, or else DEFAULT_BUCKETS. */
export function bucketSettings(settings: readonly BucketSetting[]): (name: string) => readonly number[] {
  if (settings.length === 0) return () => DEFAULT_BUCKETS
  return name => settings.find(({ matches }) => matches(name))?.buckets ?? DEFAULT_BUCKETS
}

/** A bootstrap without stats_config. */
export const DEFAULT_STATS_SETTINGS: StatsSettings = {
  tags: new TagExtractor(),
  bucketsOf: bucketSettings([]),
  keeps: null,
}
