// The network ratelimit filter. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bootstrap,
  freePorts,
  GrpcService,
  ProxyProcess,
  RawClient,
  socketAddress,
  staticCluster,
} from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}

interface Asked {
  readonly domain: string
  readonly descriptors: readonly { readonly entries: readonly { readonly key: string; readonly value: string }[] }[]
}

function listener(port: number, prefix: string, extra: object = {}): object {
  const limit = {
    name: 'envoy.filters.network.ratelimit',
    typed_config: {
      '@type': `${TYPE}.filters.network.ratelimit.v3.RateLimit`,
      stat_prefix: prefix,
      domain: 'tcp',
      timeout: '2s',
      descriptors: [
        {
          entries: [
            { key: 'who', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' },
            { key: 'k', value: 'v' },
          ],
        },
      ],
      rate_limit_service: { transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: 'limits' } } },
      ...extra,
    },
  }
  const echo = { name: 'echo', typed_config: { '@type': `${TYPE}.filters.network.echo.v3.Echo` } }
  return { name: prefix, address: socketAddress(port), filter_chains: [{ filters: [limit, echo] }] }
}

async function echoes(port: number): Promise<boolean> {
  using client = await RawClient.connect(port)
  client.send('hello')
  return (await client.until(text => text === 'hello')) === 'hello'
}

test('connections wait for the service, and go on or are closed', async () => {
  const service = await GrpcService.start<Asked>(
    'envoy.service.ratelimit.v3.RateLimitRequest',
    'envoy.service.ratelimit.v3.RateLimitResponse',
    () => ({ overallCode: 1 }),
  )
  const [open, strict] = (await freePorts(2)) as [number, number]
  const listeners = [listener(open, 'open'), listener(strict, 'strict', { failure_mode_deny: true })]
  await using proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('limits', service.port, HTTP2)]))
  assert.equal(await echoes(open), true)
  assert.equal(service.requests[0]!.message.domain, 'tcp')
  assert.deepEqual(
    service.requests[0]!.message.descriptors[0]!.entries.map(({ key, value }) => `${key}=${value}`),
    ['who=127.0.0.1', 'k=v'],
  )
  service.answer = () => ({ overallCode: 2 })
  assert.equal(await echoes(open), false)
  service.answer = () => ({ grpcStatus: 14, grpcMessage: 'no' })
  assert.equal(await echoes(open), true)
  assert.equal(await echoes(strict), false)
  await proxy.untilStat('ratelimit.open.total', 3)
  await proxy.untilStat('ratelimit.open.ok', 1)
  await proxy.untilStat('ratelimit.open.over_limit', 1)
  await proxy.untilStat('ratelimit.open.cx_closed', 1)
  await proxy.untilStat('ratelimit.open.failure_mode_allowed', 1)
  await proxy.untilStat('ratelimit.strict.error', 1)
  await proxy.untilStat('ratelimit.open.active', 0)
  await service.close()
})
