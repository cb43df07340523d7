import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FilterChainMatchJson } from '#api/envoy/config/listener/v3/listener_components_pb.ts'
import { ConfigPath, Diagnostics } from '../config/index.ts'
import { parseIp } from '../net/index.ts'
import { compileFilterChainMatcher, type MatchInput } from './filter-chain-match.ts'

interface Client {
  port?: number
  to?: string
  from?: string
  direct?: string
  sourcePort?: number
  name?: string
  transport?: string
  alpn?: string[]
}

function input(client: Client): MatchInput {
  const from = client.from ?? '192.0.2.1'
  return {
    destinationPort: client.port ?? 80,
    destinationIp: parseIp(client.to ?? '198.51.100.1'),
    serverName: client.name ?? null,
    transportProtocol: client.transport ?? 'raw_buffer',
    applicationProtocols: client.alpn ?? [],
    directSourceIp: parseIp(client.direct ?? from),
    sourceIp: parseIp(from),
    sourcePort: client.sourcePort ?? 5000,
  }
}

function chooser(...matches: FilterChainMatchJson[]): (client: Client) => number {
  const diagnostics = new Diagnostics()
  const matcher = compileFilterChainMatcher(matches, diagnostics, ConfigPath.root)
  assert.deepEqual(diagnostics.list, [])
  return client => matcher.find(input(client))
}

function errors(...matches: FilterChainMatchJson[]): string[] {
  const diagnostics = new Diagnostics()
  compileFilterChainMatcher(matches, diagnostics, ConfigPath.root.field('filter_chains'))
  return diagnostics.list.map(({ path, message }) => `${path}: ${message}`)
}

const cidr = (text: string): { addressPrefix: string; prefixLen: number } => {
  const [addressPrefix, length] = text.split('/') as [string, string]
  return { addressPrefix, prefixLen: Number(length) }
}

test('the destination port is looked at before the destination address, without a way back', () => {
  const choose = chooser(
    { destinationPort: 81 },
    { destinationPort: 80, prefixRanges: [cidr('10.0.0.0/8')] },
    { prefixRanges: [cidr('198.51.100.0/24')] },
  )
  assert.equal(choose({ port: 81 }), 0)
  assert.equal(choose({ port: 80, to: '10.1.1.1' }), 1)
  assert.equal(choose({ port: 80, to: '198.51.100.1' }), -1)
  assert.equal(choose({ port: 82, to: '198.51.100.1' }), 2)
})

test('the longest prefix wins', () => {
  const choose = chooser(
    { sourcePrefixRanges: [cidr('127.0.0.0/8')] },
    { sourcePrefixRanges: [cidr('127.0.0.2/32')] },
    { sourcePrefixRanges: [cidr('127.0.0.0/30')] },
  )
  assert.equal(choose({ from: '127.0.0.2' }), 1)
  assert.equal(choose({ from: '127.0.0.3' }), 2)
  assert.equal(choose({ from: '127.9.9.9' }), 0)
  assert.equal(choose({ from: '128.0.0.1' }), -1)
})

test('an exact server name beats the longer wildcard, which beats the shorter, which beats none', () => {
  const choose = chooser({ serverNames: ['*.test'] }, { serverNames: ['a.b.test', '*.B.test'] }, {})
  assert.equal(choose({ name: 'a.b.test' }), 1)
  assert.equal(choose({ name: 'x.b.test' }), 1)
  assert.equal(choose({ name: 'y.x.b.test' }), 1)
  assert.equal(choose({ name: 'c.test' }), 0)
  assert.equal(choose({ name: 'test' }), 2)
  assert.equal(choose({}), 2)
})

test('transport protocol comes before application protocols', () => {
  const choose = chooser(
    { applicationProtocols: ['h2'] },
    { transportProtocol: 'tls' },
    { transportProtocol: 'raw_buffer' },
  )
  assert.equal(choose({ transport: 'tls', alpn: ['h2'] }), 1)
  assert.equal(choose({ transport: 'raw_buffer' }), 2)
  assert.equal(choose({ transport: 'other', alpn: ['http/1.1', 'h2'] }), 0)
})

test('application protocols follow the order of the client', () => {
  const choose = chooser({ applicationProtocols: ['http/1.1'] }, { applicationProtocols: ['h2'] })
  assert.equal(choose({ alpn: ['h2', 'http/1.1'] }), 1)
  assert.equal(choose({ alpn: ['http/1.1', 'h2'] }), 0)
  assert.equal(choose({ alpn: ['spdy'] }), -1)
})

test('the direct source address is the one of the connection itself', () => {
  const choose = chooser(
    { directSourcePrefixRanges: [cidr('10.0.0.0/8')] },
    { sourcePrefixRanges: [cidr('10.0.0.0/8')] },
  )
  assert.equal(choose({ from: '10.1.1.1', direct: '192.0.2.9' }), 1)
  assert.equal(choose({ from: '192.0.2.9', direct: '10.1.1.1' }), 0)
})

test('source type: the same address or loopback is local', () => {
  const choose = chooser({ sourceType: 'SAME_IP_OR_LOOPBACK' }, { sourceType: 'EXTERNAL' })
  assert.equal(choose({ from: '127.0.0.1' }), 0)
  assert.equal(choose({ from: '10.0.0.1', to: '10.0.0.1' }), 0)
  assert.equal(choose({ from: '10.0.0.1', to: '10.0.0.2' }), 1)
})

test('source port is looked at last', () => {
  const choose = chooser({ sourcePorts: [5000, 5001] }, {})
  assert.equal(choose({ sourcePort: 5001 }), 0)
  assert.equal(choose({ sourcePort: 5002 }), 1)
})

test('a chain that stands under several values may share some with a more specific chain', () => {
  const choose = chooser(
    { prefixRanges: [cidr('10.0.0.0/8'), cidr('11.0.0.0/8')] },
    { prefixRanges: [cidr('10.0.0.0/16')] },
  )
  assert.equal(choose({ to: '10.0.1.1' }), 1)
  assert.equal(choose({ to: '10.1.1.1' }), 0)
  assert.equal(choose({ to: '11.0.1.1' }), 0)
})

test('a match without criteria makes addresses needless', () => {
  const matcher = compileFilterChainMatcher([undefined], new Diagnostics(), ConfigPath.root)
  assert.equal(matcher.only, 0)
})

test('mistakes are named where they stand', () => {
  assert.deepEqual(errors({}, {}), [
    'filter_chains[1].filter_chain_match: matches the same connections as an earlier filter chain, so it can never be told apart from it',
  ])
  assert.equal(errors({ prefixRanges: [cidr('10.1.0.0/8')] }, { prefixRanges: [cidr('10.2.0.0/8')] }).length, 1)
  assert.deepEqual(errors({ prefixRanges: [{ addressPrefix: 'x', prefixLen: 8 }] }), [
    'filter_chains[0].filter_chain_match.prefix_ranges[0].address_prefix: is not an IP address',
  ])
  assert.equal(errors({ serverNames: ['a.*.test', '*a.test', '*'] }).length, 3)
})
