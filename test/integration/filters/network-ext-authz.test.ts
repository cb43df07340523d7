// The network ext_authz filter and a gRPC service. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  bootstrap,
  freePorts,
  type GrpcAnswer,
  GrpcService,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
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
  readonly attributes: {
    readonly source: { readonly address: { readonly address: { readonly value: { readonly address: string } } } }
    readonly destination: {
      readonly address: { readonly address: { readonly value: { readonly portSpecifier: { readonly value: number } } } }
    }
    readonly request: object | undefined
  }
}

const log = join(tmpdir(), `network-ext-authz-${process.pid}.log`)

function listener(port: number, prefix: string, extra: object): object {
  const authz = {
    name: 'envoy.filters.network.ext_authz',
    typed_config: {
      '@type': `${TYPE}.filters.network.ext_authz.v3.ExtAuthz`,
      stat_prefix: prefix,
      transport_api_version: 'V3',
      grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '2s' },
      ...extra,
    },
  }
  const format = `${prefix} %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(envoy.filters.network.ext_authz:who)%\n`
  const tcp = {
    name: 'tcp',
    typed_config: { '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 't', cluster: 'origin' },
  }
  const file = { '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`, path: log }
  const access_log = [
    { name: 'file', typed_config: { ...file, log_format: { text_format_source: { inline_string: format } } } },
  ]
  return { name: prefix, address: socketAddress(port), filter_chains: [{ filters: [authz, tcp] }], access_log }
}

/** What comes back; '' once the connection has been closed. */
async function said(port: number, end = false): Promise<string> {
  using client = await RawClient.connect(port)
  client.send('hello')
  if (end) client.end()
  return await client.until(text => text === 'hello')
}

test('first bytes wait for the service, and the connection goes on or is closed', async () => {
  let answer: GrpcAnswer = { status: { code: 0 }, dynamicMetadata: { who: 'joe' } }
  const service = await GrpcService.start<Asked>(
    'envoy.service.auth.v3.CheckRequest',
    'envoy.service.auth.v3.CheckResponse',
    () => answer,
  )
  const origin = await ScriptedOrigin.start(({ socket }, piece) => void socket.write(piece))
  const [strict, open] = (await freePorts(2)) as [number, number]
  const listeners = [listener(strict, 'strict', {}), listener(open, 'open', { failure_mode_allow: true })]
  const clusters = [staticCluster('origin', origin.port), staticCluster('authz', service.port, HTTP2)]
  const proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
  try {
    assert.equal(await said(strict), 'hello')
    assert.equal(await said(strict, true), 'hello', 'a client that has closed its side')
    const { source, destination, request } = service.requests[0]!.message.attributes
    assert.equal(source.address.address.value.address, '127.0.0.1')
    assert.equal(destination.address.address.value.portSpecifier.value, strict)
    assert.equal(request, undefined)
    answer = { status: { code: 7 } }
    assert.equal(await said(strict), '')
    assert.equal(await said(open), '')
    answer = { grpcStatus: 13, grpcMessage: 'no' }
    assert.equal(await said(strict), '')
    assert.equal(await said(open), 'hello')
    // No answer at all.
    answer = null
    assert.equal(await said(strict), '')
    await proxy.untilStat('ext_authz.strict.cx_closed', 3)
    const stats = await proxy.stats('ext_authz.')
    assert.deepEqual(
      ['total', 'ok', 'denied', 'error', 'active'].map(name => stats.get(`ext_authz.strict.${name}`)),
      [5, 2, 1, 2, 0],
    )
    assert.equal(stats.get('ext_authz.open.failure_mode_allowed'), 1)
  } finally {
    await proxy.stop()
    await origin.close()
    await service.close()
  }
  const lines = (await readFile(log, 'utf8')).trim().split('\n')
  assert.ok(lines.includes('strict - - joe'), lines.join('\n'))
  assert.ok(lines.includes('strict UAEX ext_authz_denied -'), lines.join('\n'))
  assert.ok(lines.includes('strict UAEX ext_authz_error -'), lines.join('\n'))
  await rm(log)
})

test('a connection that says nothing asks nothing', async () => {
  const service = await GrpcService.start<Asked>(
    'envoy.service.auth.v3.CheckRequest',
    'envoy.service.auth.v3.CheckResponse',
    () => ({ status: { code: 0 } }),
  )
  const origin = await ScriptedOrigin.start(() => undefined)
  const [port] = (await freePorts(1)) as [number]
  const clusters = [staticCluster('origin', origin.port), staticCluster('authz', service.port, HTTP2)]
  const proxy = await ProxyProcess.start(bootstrap([listener(port, 'quiet', {})], clusters))
  try {
    {
      using client = await RawClient.connect(port)
      await proxy.untilStat(`listener.127.0.0.1_${port}.downstream_cx_active`, 1)
      assert.equal((await proxy.stats('ext_authz.quiet.total')).get('ext_authz.quiet.total'), 0)
      client.close()
    }
    await proxy.untilStat(`listener.127.0.0.1_${port}.downstream_cx_active`, 0)
  } finally {
    await proxy.stop()
    await origin.close()
    await service.close()
    await rm(log, { force: true })
  }
})
