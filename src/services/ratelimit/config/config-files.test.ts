import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { StatStore } from '../../../observability/index.ts'
import { LimitStats } from '../limiter/limit-stats.ts'
import { loadConfigFiles } from './config-files.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratelimit-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), text)
}

function load(mergeDomains = false, path = folder) {
  const settings = { path, mergeDomains, nearLimitRatio: 0.8 }
  const loaded = loadConfigFiles(settings, new LimitStats(new StatStore(), 100))
  const findings = loaded.report.replaceAll(`${folder}/`, '').match(/^\S+: (?:error|warning): .*$/gm)
  return { ...loaded, findings: findings ?? [] }
}

const limits = ({ config }: ReturnType<typeof load>): readonly string[] =>
  [...config!.limits()].map(({ facts, unit }) => `${facts.fullKey} ${facts.requestsPerUnit}/${unit}`)

test('everything that is wrong with a file is told in one run, each with its place', () => {
  write(
    'a.yaml',
    `domain: d
descriptors:
  - key: k
    rate_limt: {unit: minute}
    unit: minute
  - key: k
  - value: "1"
  - key: w
    value: yes
    share_threshold: true
    rate_limit: {unit: fortnight, requests_per_unit: -1, unlimited: maybe, replaces: [{name: n}, {}], name: n}
  - rate_limit: {unlimited: true, unit: day}
    key: u
    descriptors: {}
`,
  )
  write('b.yaml', 'descriptors: []\n')
  write('c.yaml', 'domain: [\n')
  write('d.yaml', '- domain\n')
  const loaded = load()
  assert.equal(loaded.config, null)
  assert.deepEqual(loaded.findings, [
    "a.yaml:4:5: error: descriptors[0].rate_limt: a descriptor has no field 'rate_limt'",
    "a.yaml:5:5: error: descriptors[0].unit: 'unit' belongs into 'rate_limit', not here",
    "a.yaml:6:5: error: descriptors[1]: duplicate descriptor composite key 'k': descriptors[0] has it too",
    'a.yaml:7:5: error: descriptors[2].key: a descriptor needs a key',
    "a.yaml:10:22: error: descriptors[3].share_threshold: is for values with a wildcard, and this one has no '*'",
    "a.yaml:11:24: error: descriptors[3].rate_limit.unit: invalid rate limit unit 'fortnight'",
    'a.yaml:11:54: error: descriptors[3].rate_limit.requests_per_unit: has the wrong type',
    'a.yaml:11:69: error: descriptors[3].rate_limit.unlimited: has the wrong type',
    'a.yaml:11:94: error: descriptors[3].rate_limit.replaces[0].name: a rate limit cannot replace itself',
    'a.yaml:11:98: error: descriptors[3].rate_limit.replaces[1].name: names no limit to replace',
    'a.yaml:12:41: error: descriptors[4].rate_limit.unit: an unlimited rate limit has no unit',
    'a.yaml:14:5: error: descriptors[4].descriptors: has the wrong type',
    'b.yaml:1:1: error: a rate limit configuration needs a domain',
    'c.yaml:2:1: error: deficient indentation',
    'd.yaml:1:1: error: has the wrong type',
  ])
})

test('scalars are read as envoyproxy/ratelimit reads them: what is to be text stays as it is written', () => {
  write(
    'a.yaml',
    `domain: 010
descriptors:
  - {key: yes, value: 1.50, rate_limit: {unit: MINUTE, requests_per_unit: 4294967295}}
  - {key: code, value: ~, rate_limit: {unit: week, requests_per_unit: 0x10}, shadow_mode: on}
  - {key: month, value: "null", rate_limit: {unit: Month, requests_per_unit: 010}}
`,
  )
  const loaded = load()
  assert.equal(loaded.report, '')
  assert.deepEqual(limits(loaded), ['010.yes_1.50 4294967295/2', '010.code 16/7', '010.month_null 8/5'])
  assert.deepEqual(
    [...loaded.config!.limits()].map(({ facts }) => facts.shadowMode),
    [false, true, false],
  )
})

test('merge keys fill in what a mapping leaves out', () => {
  write(
    'a.yaml',
    `domain: d
descriptors:
  - &first
    key: a
    rate_limit: &limit {unit: hour, requests_per_unit: 5}
  - <<: *first
    key: b
  - key: c
    rate_limit: {<<: [*limit, {requests_per_unit: 7, name: n}], unit: day}
`,
  )
  const loaded = load()
  assert.equal(loaded.report, '')
  assert.deepEqual(limits(loaded), ['d.a 5/3', 'd.b 5/3', 'd.c 5/4'])
})

test('a directory is read with all below it; hidden names are not, and links are followed', () => {
  write('outside.yaml', 'domain: linked\n')
  write('conf/a.yml', 'domain: a\n')
  write('conf/deep/b.json', '{"domain": "b", "descriptors": [{"key": "k", "rate_limit": {"unit": "second"}}]}')
  write('conf/.hidden.yaml', 'domain: [')
  write('conf/..data/x.yaml', 'domain: [')
  write('conf/notes.txt', 'domain: [')
  symlinkSync(join(folder, 'outside.yaml'), join(folder, 'conf/link.yaml'))
  const loaded = load(false, join(folder, 'conf'))
  assert.deepEqual(loaded.findings, [
    'conf/notes.txt: warning: is not read: no .yaml, .yml or .json',
    'conf/deep/b.json:1:46: warning: descriptors[0].rate_limit.requests_per_unit: is missing, and 0 as in envoyproxy/ratelimit: nothing passes',
  ])
  assert.deepEqual(
    ['a', 'b', 'linked', 'x'].map(domain => loaded.config!.domain(domain) !== undefined),
    [true, true, true, false],
  )
})

test('one domain in two files is an error, unless they are to be merged', () => {
  write('a.yaml', 'domain: d\ndescriptors: [{key: a, rate_limit: {unit: day, requests_per_unit: 1}}]\n')
  write('b.yaml', 'domain: d\ndescriptors: [{key: b, rate_limit: {unit: day, requests_per_unit: 2}}]\n')
  assert.match(load().findings[0]!, /^b\.yaml:1:9: error: domain: duplicate domain 'd': .*a\.yaml has it too/)
  assert.deepEqual(limits(load(true)), ['d.a 1/4', 'd.b 2/4'])
  write('c.yaml', 'domain: d\ndescriptors: [{key: a}]\n')
  assert.match(load(true).findings[0]!, /^c\.yaml:2:1: error: descriptors: duplicate descriptor composite key 'd\.a'/)
})

test('a path that is not there is an error and not an empty configuration', () => {
  const { config, report } = load(false, join(folder, 'missing'))
  assert.equal(config, null)
  assert.match(report, /ENOENT/)
  assert.equal(load().config!.isEmpty, true)
})
