import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { HostsFile, parseHosts } from './hosts-file.ts'
import { lookup } from './lookup.ts'
import { CaresResolver, GetAddrInfoResolver } from './node-resolver.ts'
import type { DnsAnswer } from './resolver.ts'
import { NXDOMAIN, SERVFAIL, TestDnsServer } from './testing.ts'

let server: TestDnsServer
let resolver: CaresResolver
const folder = mkdtempSync(join(tmpdir(), 'hosts-'))
const hostsPath = join(folder, 'hosts')

before(async () => {
  writeFileSync(hostsPath, '10.9.9.9 filed.test\n')
  server = await TestDnsServer.start()
  resolver = new CaresResolver({ servers: [server.address], tryMs: 50, tries: 2 }, new HostsFile(hostsPath))
})
after(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

const resolved = (...records: [string, number][]): DnsAnswer => ({
  kind: 'resolved',
  records: records.map(([address, ttlS]) => ({ address, ttlS })),
})

test('A and AAAA records with their TTL', async () => {
  server.zone = { 'web.test': ['10.0.0.1', '10.0.0.2', '2001:db8::1'] }
  server.ttlS = 7
  assert.deepEqual(await resolver.resolve('web.test', 4), resolved(['10.0.0.1', 7], ['10.0.0.2', 7]))
  assert.deepEqual(await resolver.resolve('web.test', 6), resolved(['2001:db8::1', 7]))
  server.ttlS = 0
  assert.deepEqual(await resolver.resolve('web.test', 6), resolved(['2001:db8::1', 0]))
})

test('NXDOMAIN and NODATA are answers; SERVFAIL, REFUSED and silence are failures', async () => {
  server.zone = { 'v4.test': ['10.0.0.1'], 'broken.test': SERVFAIL, 'refused.test': 5, 'mute.test': 'silent' }
  assert.deepEqual(await resolver.resolve('nobody.test', 4), { ...resolved(), code: 'ENOTFOUND' })
  assert.deepEqual(await resolver.resolve('v4.test', 6), { ...resolved(), code: 'ENODATA' })
  assert.deepEqual(await resolver.resolve('broken.test', 4), { kind: 'failure', code: 'ESERVFAIL' })
  assert.deepEqual(await resolver.resolve('refused.test', 4), { kind: 'failure', code: 'EREFUSED' })
  assert.deepEqual(await resolver.resolve('mute.test', 4), { kind: 'failure', code: 'ETIMEOUT' })
})

test('addresses, localhost and the hosts file need no server', async () => {
  const asked = server.questions.length
  assert.deepEqual(await resolver.resolve('10.1.2.3', 4), resolved(['10.1.2.3', 0]))
  assert.deepEqual(await resolver.resolve('10.1.2.3', 6), resolved())
  assert.deepEqual(await resolver.resolve('fe80::1%lo', 6), resolved(['fe80::1%lo', 0]))
  assert.deepEqual(await resolver.resolve('localhost', 4), resolved(['127.0.0.1', 0]))
  assert.deepEqual(await resolver.resolve('api.localhost', 6), resolved(['::1', 0]))
  assert.deepEqual(await resolver.resolve('FILED.test', 4), resolved(['10.9.9.9', 0]))
  assert.deepEqual(await resolver.resolve('filed.test', 6), resolved())
  assert.equal(server.questions.length, asked)
})

test('a changed hosts file is seen', async () => {
  writeFileSync(hostsPath, '10.9.9.10 filed.test other.test # comment\n')
  utimesSync(hostsPath, 1, 1)
  assert.deepEqual(await resolver.resolve('other.test', 4), resolved(['10.9.9.10', 0]))
  assert.equal(new HostsFile(join(folder, 'absent')).lookup('x', 4), undefined)
})

test('hosts files as people write them', () => {
  const hosts = parseHosts(
    '# all\r\n127.0.0.1\tlocalhost  LocalHost.localdomain\n::1 localhost\nnonsense x\n\n10.0.0.1 a#b c',
  )
  assert.deepEqual(hosts.get('localhost'), ['127.0.0.1', '::1'])
  assert.deepEqual(hosts.get('localhost.localdomain'), ['127.0.0.1'])
  assert.deepEqual(hosts.get('a'), ['10.0.0.1'])
  assert.deepEqual([hosts.has('x'), hosts.has('c')], [false, false])
})

test('lookup families', async () => {
  server.ttlS = 1
  server.zone = { 'both.test': ['10.0.0.1', '2001:db8::1'], 'six.test': ['2001:db8::6'], 'four.test': ['10.0.0.4'] }
  const addresses = async (name: string, family: Parameters<typeof lookup>[2]) => {
    const answer = await lookup(resolver, name, family)
    return answer.kind === 'resolved' ? answer.records.map(({ address }) => address) : answer.code
  }
  assert.deepEqual(await addresses('both.test', 'V4_ONLY'), ['10.0.0.1'])
  assert.deepEqual(await addresses('both.test', 'V6_ONLY'), ['2001:db8::1'])
  assert.deepEqual(await addresses('both.test', 'AUTO'), ['2001:db8::1'])
  assert.deepEqual(await addresses('four.test', 'AUTO'), ['10.0.0.4'])
  assert.deepEqual(await addresses('both.test', 'V4_PREFERRED'), ['10.0.0.1'])
  assert.deepEqual(await addresses('six.test', 'V4_PREFERRED'), ['2001:db8::6'])
  assert.deepEqual(await addresses('both.test', 'ALL'), ['10.0.0.1', '2001:db8::1'])
  assert.deepEqual(await addresses('none.test', 'ALL'), [])
  server.zone = { 'broken.test': SERVFAIL, 'gone.test': NXDOMAIN }
  assert.deepEqual(await addresses('broken.test', 'AUTO'), 'ESERVFAIL')
  assert.deepEqual(await addresses('broken.test', 'ALL'), 'ESERVFAIL')
  assert.deepEqual(await addresses('gone.test', 'AUTO'), [])
})

test('a thousand records, which no datagram holds', async () => {
  const many = Array.from({ length: 1000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  server.zone = { 'many.test': many }
  const answer = await lookup(resolver, 'many.test', 'V4_ONLY')
  assert.equal(answer.kind === 'resolved' && answer.records.length, 1000)
})

test('getaddrinfo', async () => {
  const answer = await new GetAddrInfoResolver().resolve('localhost', 4)
  assert.deepEqual(answer, resolved(['127.0.0.1', 60]))
})
