// The messages of the rate limit service: read and written by hand, beside the general codec.
import { messageCodec } from '../src/config/index.ts'
import { StatStore } from '../src/observability/index.ts'
import type { Answer } from '../src/services/ratelimit/answer.ts'
import { Limit } from '../src/services/ratelimit/limiter/limit.ts'
import { LimitStats } from '../src/services/ratelimit/limiter/limit-stats.ts'
import { decodeRateLimitRequest } from '../src/services/ratelimit/wire/rate-limit-request.ts'
import { encodeRateLimitResponse } from '../src/services/ratelimit/wire/rate-limit-response.ts'

const ROUNDS = 300_000
const requests = messageCodec('envoy.service.ratelimit.v3.RateLimitRequest')
const responses = messageCodec('envoy.service.ratelimit.v3.RateLimitResponse')
const client = { key: 'client', value: 'c-10.21.7.1' }
const bytes = Buffer.from(
  requests.encode({
    domain: 'shop',
    descriptors: [{ entries: [{ key: 'path', value: '/cart' }, client] }, { entries: [client] }],
  }),
)
const facts = {
  fullKey: 'shop.client',
  requestsPerUnit: 100,
  unit: 2,
  unitMultiplier: 1,
  unlimited: false,
  shadowMode: false,
  quotaMode: false,
  name: '',
  replaces: [],
  detailedMetric: false,
}
const limit = new Limit(facts, new LimitStats(new StatStore(), 1).configured('shop.client'), 0.8)
const status = { code: 1, limit, remaining: 99, secondsUntilReset: 17 } as const
const answer: Answer = { overallCode: 1, statuses: [status, status], responseHeaders: [] }
const plainStatus = {
  code: 1,
  currentLimit: { requestsPerUnit: 100, unit: 2 },
  limitRemaining: 99,
  durationUntilReset: { seconds: 17n },
}
const plain = { overallCode: 1, statuses: [plainStatus, plainStatus] }

function measure(name: string, work: () => void): void {
  for (let i = 0; i < ROUNDS / 3; i++) work()
  const startMs = performance.now()
  for (let i = 0; i < ROUNDS; i++) work()
  console.log(`${name.padEnd(24)} ${(((performance.now() - startMs) * 1e6) / ROUNDS).toFixed(0).padStart(6)} ns`)
}

measure('request, by hand', () => decodeRateLimitRequest(bytes, 0, bytes.length))
measure('request, general', () => requests.decode(bytes))
measure('response, by hand', () => encodeRateLimitResponse(answer))
measure('response, general', () => responses.encode(plain))
