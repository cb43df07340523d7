import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import tls from 'node:tls'
import { LISTENER_STATS } from '../../../src/downstream/listener-stats.ts'
import { HTTP_INSPECTOR_STATS } from '../../../src/extensions/listener-filters/http_inspector/http-inspector.ts'
import { PROXY_PROTOCOL_STATS } from '../../../src/extensions/listener-filters/proxy_protocol/proxy-protocol.ts'
import { TLS_INSPECTOR_STATS } from '../../../src/extensions/listener-filters/tls_inspector/tls-inspector.ts'
import { RBAC_SHADOW_STATS, RBAC_STATS } from '../../../src/extensions/network-filters/rbac/rbac.ts'
import { directResponse, echo, L4Worker, listener, typed } from './kit.ts'
import { client } from './peers.ts'

const workers: L4Worker[] = []
after(() => {
  for (const made of workers) made.close()
})

function worker(): L4Worker {
  const made = new L4Worker()
  workers.push(made)
  return made
}

const chain = (filterChainMatch: object, text: string): object => ({
  filterChainMatch,
  filters: [directResponse(text)],
})
const httpInspector = typed('http', 'filters.listener.http_inspector.v3.HttpInspector')
const tlsInspector = typed('tls', 'filters.listener.tls_inspector.v3.TlsInspector')
const proxyProtocol = (config: object = {}): object =>
  typed('proxy', 'filters.listener.proxy_protocol.v3.ProxyProtocol', config)

/** What a client gets that sends these pieces, each in a packet of its own. */
async function answer(port: number, ...pieces: string[]): Promise<string> {
  const peer = await client(port)
  for (const piece of pieces) {
    await new Promise<void>(resolve => peer.socket.write(Buffer.from(piece, 'latin1'), () => setImmediate(resolve)))
  }
  await peer.gone()
  return peer.received.toString('latin1')
}

test('http_inspector: the first line decides, in one piece or in many', async () => {
  const made = worker()
  const port = await made.listen(
    listener([], {
      listenerFilters: [httpInspector],
      filterChains: [
        chain({ applicationProtocols: ['http/1.0'] }, '10'),
        chain({ applicationProtocols: ['http/1.1'] }, '11'),
        chain({ applicationProtocols: ['h2c'] }, '2'),
        chain({}, 'none'),
      ],
    }),
  )
  assert.equal(await answer(port, 'GET / HTTP/1.0\r\n'), '10')
  assert.equal(await answer(port, ...'BREW /pot HTTP/1.1\r\n'), '11')
  assert.equal(await answer(port, 'PRI * HTTP/2.0\r\n', '\r\nSM\r\n\r\n'), '2')
  assert.equal(await answer(port, 'FOO bar baz\r\n'), 'none')
  assert.equal(await answer(port, '\x16\x03\x01'), 'none')
  const count = (name: string): number => made.stat('http_inspector.', HTTP_INSPECTOR_STATS, name)
  assert.deepEqual(['http10_found', 'http11_found', 'http2_found', 'http_not_found'].map(count), [1, 1, 1, 2])
})

test('tls_inspector: plain text and TLS, by server name', async () => {
  const made = worker()
  const port = await made.listen(
    listener([], {
      listenerFilters: [tlsInspector],
      filterChains: [
        chain({ serverNames: ['a.test'] }, 'a'),
        chain({ serverNames: ['*.test'] }, 'wild'),
        chain({ transportProtocol: 'raw_buffer' }, 'clear'),
      ],
    }),
  )
  assert.equal(await answer(port, 'GET / HTTP/1.1\r\n'), 'clear')
  // The answer is no TLS, so the client fails; which chain it met stands in its error and in the stats.
  for (const servername of ['A.test', 'x.a.test']) {
    const socket = tls.connect({ port, host: '127.0.0.1', servername })
    await new Promise<void>(resolve => socket.once('error', () => resolve()))
    socket.destroy()
  }
  const count = (name: string): number => made.stat('tls_inspector.', TLS_INSPECTOR_STATS, name)
  assert.deepEqual(['tls_found', 'tls_not_found', 'sni_found', 'alpn_not_found'].map(count), [2, 1, 2, 2])
})

test('proxy_protocol: addresses of the header choose the chain, the bytes behind it go to the filters', async () => {
  const made = worker()
  const filterChains = [
    { filterChainMatch: { sourcePrefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] }, filters: [echo] },
    chain({}, 'else'),
  ]
  const port = await made.listen(listener([], { listenerFilters: [proxyProtocol()], filterChains, statPrefix: 's' }))
  const peer = await client(port)
  peer.send('PROXY TCP4 10.0.0.1 10.0.0.2 1000 80\r\nhello')
  await peer.expect('hello')
  peer.socket.end()
  await peer.end()
  assert.equal(await answer(port, 'PROXY UNK', 'NOWN\r\n'), 'else')

  const refused = await client(port)
  refused.send('GET / HTTP/1.1\r\n\r\n')
  await refused.gone()
  assert.equal(refused.errno, 'ECONNRESET')
  assert.equal(made.stat('proxy_proto.', PROXY_PROTOCOL_STATS, 'not_found_disallowed'), 1)
  assert.equal(made.stat('listener.s.', LISTENER_STATS, 'downstream_listener_filter_error'), 1)

  const lenient = await made.listen(
    listener([], {
      name: 'lenient',
      listenerFilters: [proxyProtocol({ allowRequestsWithoutProxyProtocol: true, disallowedVersions: ['V1'] })],
      filterChains,
    }),
  )
  assert.equal(await answer(lenient, 'GET'), 'else')
  assert.equal(await answer(lenient, 'PROXY TCP4 10.0.0.1 10.0.0.2 1000 80\r\n'), '')
  assert.equal(made.stat('proxy_proto.', PROXY_PROTOCOL_STATS, 'versions.v1.disallowed'), 1)
})

test('silence ends at listener_filters_timeout, or goes on where that is asked for', async () => {
  const made = worker()
  const more = { listenerFilters: [httpInspector], listenerFiltersTimeout: '0.05s', statPrefix: 's' }
  const strict = await made.listen(listener([directResponse('x')], more))
  assert.equal(await answer(strict), '')
  const lenient = await made.listen(
    listener([directResponse('x')], { ...more, name: 'lenient', continueOnListenerFiltersTimeout: true }),
  )
  assert.equal(await answer(lenient), 'x')
  assert.equal(made.stat('listener.s.', LISTENER_STATS, 'downstream_pre_cx_timeout'), 2)
  assert.equal(made.stat('listener.s.', LISTENER_STATS, 'downstream_pre_cx_active'), 0)
})

test('a client that leaves before its first byte is counted and forgotten', async () => {
  const made = worker()
  const port = await made.listen(listener([echo], { listenerFilters: [httpInspector], statPrefix: 's' }))
  const peer = await client(port)
  peer.socket.end()
  await peer.gone()
  assert.equal(made.stat('listener.s.', LISTENER_STATS, 'downstream_cx_total'), 1)
  const other = await client(port)
  other.socket.resetAndDestroy()
  const active = (): number => made.stat('listener.s.', LISTENER_STATS, 'downstream_pre_cx_active')
  while (active() > 0) await new Promise(resolve => setImmediate(resolve))
})

test('a client that leaves amid its hello meets no filter chain', async () => {
  const made = worker()
  const port = await made.listen(listener([echo], { listenerFilters: [tlsInspector], statPrefix: 's' }))
  const peer = await client(port)
  peer.socket.end(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]))
  await peer.gone()
  assert.equal(peer.received.length, 0)
  assert.equal(made.stat('listener.s.', LISTENER_STATS, 'downstream_listener_filter_remote_close'), 1)
  assert.equal(made.stat('tls_inspector.', TLS_INSPECTOR_STATS, 'tls_not_found'), 0)
})

test('filter_disabled leaves a filter out by destination port', async () => {
  const made = worker()
  const filterDisabled = { destinationPortRange: { start: 1, end: 65536 } }
  const port = await made.listen(
    listener([directResponse('x')], { listenerFilters: [{ ...proxyProtocol(), filterDisabled }] }),
  )
  assert.equal(await answer(port), 'x')
})

test('network rbac decides on the first bytes', async () => {
  const made = worker()
  const policy = (addressPrefix: string): object => ({
    permissions: [{ any: true }],
    principals: [{ directRemoteIp: { addressPrefix, prefixLen: 32 } }],
  })
  const rbac = typed('rbac', 'filters.network.rbac.v3.RBAC', {
    statPrefix: 'x.',
    rules: { action: 'DENY', policies: { no: policy('127.0.0.7') } },
    shadowRules: { action: 'ALLOW', policies: { yes: policy('127.0.0.9') } },
  })
  const port = await made.listen(listener([rbac, echo]))
  const welcome = await client(port)
  welcome.send('x')
  await welcome.expect('x')
  welcome.socket.destroy()
  const denied = await client(port, { localAddress: '127.0.0.7' })
  denied.send('x')
  await denied.gone()
  assert.equal(denied.received.length, 0)
  assert.equal(made.stat('x.rbac.', RBAC_STATS, 'allowed'), 1)
  assert.equal(made.stat('x.rbac.', RBAC_STATS, 'denied'), 1)
  assert.equal(made.stat('x.rbac.', RBAC_SHADOW_STATS, 'shadow_denied'), 2)
})
