export { type ReadSettings, readSettings } from './read-settings.ts'
export { checkRateLimitConfig, runRateLimitServer } from './run.ts'
export type { RateLimitServerSettings } from './settings.ts'
