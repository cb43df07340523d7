// The same rate limiter behind @grpc/grpc-js instead of the codec of the proxy: what the edge costs. Run by
// rate-limit-service.ts.
import * as grpc from '@grpc/grpc-js'
import { StatStore } from '../src/observability/index.ts'
import { loadConfigFiles } from '../src/services/ratelimit/config/config-files.ts'
import { LimitStats } from '../src/services/ratelimit/limiter/limit-stats.ts'
import { MemoryCounters } from '../src/services/ratelimit/limiter/memory-counters.ts'
import { RateLimiter } from '../src/services/ratelimit/limiter/rate-limiter.ts'
import { decodeRateLimitRequest } from '../src/services/ratelimit/wire/rate-limit-request.ts'
import { encodeRateLimitResponse, responseFrame } from '../src/services/ratelimit/wire/rate-limit-response.ts'

const [path, address] = process.argv.slice(2) as [string, string]
const FRAME_HEADER_BYTES = 5
const stats = new StatStore()
const limitStats = new LimitStats(stats, 1000)
const { config } = loadConfigFiles({ path, mergeDomains: false, nearLimitRatio: 0.8 }, limitStats)
const store = new MemoryCounters({ window: 'fixed', maxCounters: 1_000_000, stopWhenOver: false }, stats)
const settings = { nearLimitRatio: 0.8, keyPrefix: '', shadowMode: false, quotaMode: false, headers: null }
const limiter = new RateLimiter(settings, config!, store, limitStats, null, stats, Date.now)

const raw = (bytes: Buffer): Buffer => bytes
const server = new grpc.Server()
server.register(
  '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
  (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
    const request = decodeRateLimitRequest(call.request, 0, call.request.length)
    if (request === null) return callback({ code: grpc.status.INVALID_ARGUMENT })
    limiter.decide(request, {
      onAnswer: answer => {
        const length = encodeRateLimitResponse(answer)
        callback(null, Buffer.from(responseFrame().subarray(FRAME_HEADER_BYTES, length)))
      },
      onFailure: ({ message }) => callback({ code: grpc.status.UNAVAILABLE, details: message }),
    })
  },
  raw,
  raw,
  'unary',
)
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), error => {
  if (error !== null) throw error
  process.stdout.write('ready\n')
})
