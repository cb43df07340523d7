import { createHash } from 'node:crypto'

/**
 * KEYS: counter of this window, counter of the one before. ARGV: share of the window before that still counts, hits,
 * limit, lifetime in seconds. Returns what was used before, and 1 when the hits were added.
 */
export const SLIDING_SCRIPT = `
local current = tonumber(redis.call('GET', KEYS[1]) or '0')
local previous = tonumber(redis.call('GET', KEYS[2]) or '0')
local used = math.ceil(previous * tonumber(ARGV[1])) + current
local hits = tonumber(ARGV[2])
if used + hits > tonumber(ARGV[3]) then return {used, 0} end
redis.call('INCRBY', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {used, 1}
`

export const SLIDING_SHA = createHash('sha1').update(SLIDING_SCRIPT).digest('hex')
