// Names that requests ask for, over real DNS. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import { SERVFAIL, TestDnsServer } from '../../src/upstream/dns/testing.ts'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  RawClient,
  ScriptedOrigin,
  socketAddress,
  TestAuthority,
} from '../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const FILTER = 'envoy.filters.http.dynamic_forward_proxy'
const LOOPBACK = { ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] }

/** By name: what differs from a plain cache. */
const CACHES: Record<string, object> = {
  plain: {},
  small: { max_hosts: 2 },
  guarded: { resolved_address_filter: LOOPBACK },
  inverted: { resolved_address_filter: { ...LOOPBACK, invert_match: true } },
  closed: { dns_cache_circuit_breaker: { max_pending_requests: 0 } },
  forgetful: { disable_dns_refresh_on_failure: true },
  hasty: { dns_query_timeout: '0.1s' },
  preresolving: {
    preresolve_hostnames: [
      { address: 'good.test', port_value: 8123 },
      { address: 'bad.test', port_value: 80 },
    ],
  },
  brief: { host_ttl: '0.2s', dns_min_refresh_rate: '1s' },
  changing: { dns_min_refresh_rate: '1s' },
  secure: {},
  sni: {},
}
const NAMES = Object.keys(CACHES)

const authority = new TestAuthority()
const certificate = authority.issue('secure.test')
let dns: TestDnsServer
let origin: ScriptedOrigin
let secureOrigin: tls.Server
let proxy: ProxyProcess
let ports: readonly number[]

const perRoute = (config: object): object => ({
  [FILTER]: { '@type': `${TYPE}.filters.http.dynamic_forward_proxy.v3.PerRouteConfig`, ...config },
})

function cacheConfig(name: string): object {
  const [address, port] = dns.address.split(':')
  const resolver = {
    '@type': `${TYPE}.network.dns_resolver.cares.v3.CaresDnsResolverConfig`,
    resolvers: [socketAddress(Number(port), address)],
  }
  return {
    name,
    dns_lookup_family: 'V4_ONLY',
    typed_dns_resolver_config: { name: 'cares', typed_config: resolver },
    ...CACHES[name],
  }
}

function listener(name: string, port: number): object {
  const filter = {
    name: FILTER,
    typed_config: {
      '@type': `${TYPE}.filters.http.dynamic_forward_proxy.v3.FilterConfig`,
      dns_cache_config: cacheConfig(name),
    },
  }
  const router = { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }
  const route = { cluster: name }
  const literal = { host_rewrite_literal: `good.test:${origin.port}` }
  return httpListener({
    port,
    routes: [
      { match: { prefix: '/literal' }, route, typed_per_filter_config: perRoute(literal) },
      { match: { prefix: '/header' }, route, typed_per_filter_config: perRoute({ host_rewrite_header: 'x-to' }) },
      { match: { prefix: '/' }, route },
    ],
    hcm: {
      http_filters: [filter, router],
      local_reply_config: {
        body_format: {
          text_format_source: { inline_string: '%LOCAL_REPLY_BODY% | %RESPONSE_CODE_DETAILS% | %RESPONSE_FLAGS%' },
        },
      },
    },
  })
}

function sniListener(port: number): object {
  const dynamic = {
    '@type': `${TYPE}.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig`,
    dns_cache_config: cacheConfig('sni'),
    port_value: (secureOrigin.address() as AddressInfo).port,
  }
  const tcp = { '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'sni', cluster: 'sni' }
  return {
    name: 'sni',
    address: socketAddress(port),
    listener_filters: [
      {
        name: 'tls_inspector',
        typed_config: { '@type': `${TYPE}.filters.listener.tls_inspector.v3.TlsInspector` },
      },
    ],
    filter_chains: [
      {
        filters: [
          { name: 'sni', typed_config: dynamic },
          { name: 'tcp', typed_config: tcp },
        ],
      },
    ],
  }
}

function cluster(name: string): object {
  const type = {
    '@type': `${TYPE}.clusters.dynamic_forward_proxy.v3.ClusterConfig`,
    dns_cache_config: cacheConfig(name),
  }
  const context = { validation_context: { trusted_ca: { filename: authority.ca } } }
  const transport = {
    name: 'tls',
    typed_config: { '@type': `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext`, common_tls_context: context },
  }
  return {
    name,
    connect_timeout: '1s',
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: { name: 'envoy.clusters.dynamic_forward_proxy', typed_config: type },
    ...(name === 'secure' ? { transport_socket: transport } : {}),
  }
}

before(async () => {
  const { readFileSync } = await import('node:fs')
  dns = await TestDnsServer.start()
  dns.zone = {
    'good.test': ['127.0.0.1'],
    'bad.test': SERVFAIL,
    'v6.test': ['::1'],
    'one.test': ['127.0.0.1'],
    'two.test': ['127.0.0.1'],
    'far.test': ['192.0.2.1', '127.0.0.1'],
    'secure.test': ['127.0.0.1'],
    'other.test': ['127.0.0.1'],
    'silent.test': 'silent',
    'moving.test': ['127.0.0.3'],
  }
  const ok = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  origin = await ScriptedOrigin.start(answering(({ headers }) => ok(headers.find(([name]) => name === 'host')![1])))
  const identity = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) }
  secureOrigin = tls
    .createServer(identity, socket => {
      socket.on('error', () => socket.destroy())
      socket.on('data', () => socket.write(ok(`sni ${socket.servername}`)))
    })
    .on('tlsClientError', () => undefined)
  secureOrigin.listen(0, '127.0.0.1')
  await once(secureOrigin, 'listening')
  ports = await freePorts(NAMES.length)
  const listeners = NAMES.map((name, i) => (name === 'sni' ? sniListener(ports[i]!) : listener(name, ports[i]!)))
  proxy = await ProxyProcess.start(bootstrap(listeners, NAMES.map(cluster)), { concurrency: 2 })
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  secureOrigin?.close()
  dns?.close()
  authority[Symbol.dispose]()
})

async function ask(name: string, host: string, path = '/', extra = ''): Promise<string> {
  using client = await RawClient.connect(ports[NAMES.indexOf(name)]!)
  client.send(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${extra}\r\n`)
  await client.until(text => parseResponses(text, ['GET']).length === 1)
  const [response] = parseResponses(client.received, ['GET'])
  return `${response?.status} ${response?.body.trim()}`
}

const failed = (details: string): string => `503 DNS resolution failure | dns_resolution_failure{${details}} | DF`
const stat = (cache: string, name: string, value: number): Promise<void> =>
  proxy.untilStat(`dns_cache.${cache}.${name}`, value)

describe('a dynamic forward proxy', () => {
  test('resolves a name once and then knows it', async () => {
    const host = `good.test:${origin.port}`
    const before = dns.questions.length
    for (let i = 0; i < 4; i++) assert.equal(await ask('plain', host), `200 ${host}`)
    assert.deepEqual(dns.questions.slice(before), ['A good.test'])
    await stat('plain', 'dns_query_success', 1)
    await stat('plain', 'host_added', 1)
    await stat('plain', 'num_hosts', 1)
    await stat('plain', 'circuit_breakers.rq_pending_remaining', 1024)
    await proxy.untilStat('cluster.plain.membership_total', 1)
  })

  test('many that want the same name at once wait for one answer', async () => {
    const host = `one.test:${origin.port}`
    const before = dns.questions.length
    const all = await Promise.all(Array.from({ length: 20 }, () => ask('plain', host)))
    assert.deepEqual(new Set(all), new Set([`200 ${host}`]))
    assert.deepEqual(dns.questions.slice(before), ['A one.test'])
  })

  test('an address needs no name server', async () => {
    assert.equal(await ask('plain', `127.0.0.1:${origin.port}`), `200 127.0.0.1:${origin.port}`)
    assert.equal(await ask('plain', `localhost:${origin.port}`), `200 localhost:${origin.port}`)
  })

  test('says what is wrong with a name', async () => {
    assert.equal(await ask('plain', 'bad.test'), failed('cares_failure:DNS_server_returned_general_failure'))
    assert.equal(await ask('plain', 'bad.test'), failed('cares_failure:DNS_server_returned_general_failure'))
    assert.equal(await ask('plain', 'absent.test'), failed('cares_norecords:Domain_name_not_found'))
    assert.equal(await ask('plain', 'v6.test'), failed('cares_norecords:DNS_server_returned_answer_with_no_data'))
    assert.equal(await ask('plain', '[::1]:80'), failed('cares_failure:Misformatted_domain_name'))
    assert.equal(await ask('plain', 'good.test:99999'), failed('cares_failure:Misformatted_domain_name'))
    assert.equal(await ask('plain', ''), '400 Empty host header | empty_host_header | -')
  })

  test('routes rewrite the host', async () => {
    const host = `good.test:${origin.port}`
    assert.equal(await ask('plain', 'x.test', '/literal'), `200 ${host}`)
    assert.equal(await ask('plain', 'x.test', '/header', `x-to: ${host}\r\n`), `200 ${host}`)
    assert.equal(await ask('plain', host, '/header'), `200 ${host}`)
  })

  test('a full cache, and too many that wait', async () => {
    for (const name of ['one', 'two']) {
      assert.match(await ask('small', `${name}.test:${origin.port}`), /^200 /)
    }
    assert.equal(await ask('small', 'good.test'), '503 DNS cache overflow | dns_cache_overflow | -')
    assert.match(await ask('small', `one.test:${origin.port}`), /^200 /)
    await stat('small', 'host_overflow', 1)
    const overflow = 'dynamic_forward_proxy_pending_request_overflow'
    assert.equal(
      await ask('closed', 'good.test'),
      `503 Dynamic forward proxy pending request overflow | ${overflow} | -`,
    )
    await stat('closed', 'dns_rq_pending_overflow', 1)
  })

  test('addresses that are filtered out are nobody, whether named or given', async () => {
    for (const host of ['good.test', '127.0.0.1', 'localhost']) {
      assert.equal(await ask('guarded', `${host}:${origin.port}`), failed('address_denied'))
    }
    await stat('guarded', 'dns_address_filter_out', 3)
    await proxy.untilStat('cluster.guarded.membership_total', 0)
    assert.match(await ask('inverted', `far.test:${origin.port}`), /^200 /)
    await stat('inverted', 'dns_address_filter_out', 1)
  })

  test('a failure is forgotten where it is not tried again', async () => {
    const bad = failed('cares_failure:DNS_server_returned_general_failure')
    assert.deepEqual([await ask('forgetful', 'bad.test'), await ask('forgetful', 'bad.test')], [bad, bad])
    await stat('forgetful', 'dns_query_attempt', 2)
    await stat('forgetful', 'host_added', 2)
    await stat('forgetful', 'host_removed', 1)
  })

  test('a name server that says nothing is waited for so long', async () => {
    assert.equal(await ask('hasty', 'silent.test'), failed('resolve_timeout'))
    await stat('hasty', 'dns_query_timeout', 1)
    await stat('hasty', 'dns_query_failure', 1)
  })

  test('names that the configuration lists are resolved ahead', async () => {
    await stat('preresolving', 'host_added', 2)
    await stat('preresolving', 'dns_query_success', 1)
    const clusters = await (await proxy.admin('/clusters')).text()
    assert.match(clusters, /^preresolving::127\.0\.0\.1:8123::hostname::good\.test:8123$/m)
  })

  test('names that nobody uses are forgotten', async () => {
    dns.ttlS = 1
    assert.match(await ask('brief', `good.test:${origin.port}`), /^200 /)
    dns.ttlS = 60
    await stat('brief', 'host_removed', 1)
    await proxy.untilStat('cluster.brief.membership_total', 0)
    assert.match(await ask('brief', `good.test:${origin.port}`), /^200 /)
  })

  test('a name that moves is followed', async () => {
    dns.ttlS = 1
    assert.match(await ask('changing', `moving.test:${origin.port}`), /^503 /)
    dns.zone = { ...dns.zone, 'moving.test': ['127.0.0.1'] }
    await stat('changing', 'host_address_changed', 2)
    assert.match(await ask('changing', `moving.test:${origin.port}`), /^200 /)
    dns.ttlS = 60
  })

  test('over TLS the certificate is held against the name', async () => {
    const { port } = secureOrigin.address() as AddressInfo
    assert.equal(await ask('secure', `secure.test:${port}`), '200 sni secure.test')
    assert.match(await ask('secure', `other.test:${port}`), /^503 .*CERTIFICATE_VERIFY_FAILED|^503 .*UF$/)
  })

  test('without HTTP the name comes from the TLS hello', async () => {
    const port = ports[NAMES.indexOf('sni')]!
    const options = { port, host: '127.0.0.1', ca: (await import('node:fs')).readFileSync(authority.ca) }
    const socket = tls.connect({ ...options, servername: 'secure.test' })
    using client = RawClient.over(socket)
    await once(socket, 'secureConnect')
    client.send('hello')
    assert.match(await client.until(text => text.endsWith('test')), /sni secure\.test$/)
    const lost = tls.connect({ ...options, servername: 'absent.test' })
    const [error] = await once(lost, 'error')
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
    await stat('sni', 'host_added', 2)
  })
})
