import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseEncoding } from './accept-encoding.ts'

const candidate = (encoding: string, chooseFirst = false) => ({ encoding, chooseFirst })
const GZIP = [candidate('gzip')]
const BOTH = [candidate('br'), candidate('gzip')]

const chosen = (header: string, candidates = GZIP): string => {
  const { encoding, stat } = chooseEncoding(header, candidates)
  return `${encoding ?? '-'} ${stat}`
}

test('one compressor', () => {
  const rows = [
    ['gzip', 'gzip used'],
    ['br, gzip;q=0.1', 'gzip used'],
    ['gzip ; q = 0.5', 'gzip used'],
    ['gzip;q=0', '- not_valid'],
    ['gzip;q=0, *', '- not_valid'],
    ['gzip, gzip;q=0', '- not_valid'],
    ['gzip;q=-1', '- not_valid'],
    ['gzip;q=1e400', 'gzip used'],
    ['gzip;q=', '- not_valid'],
    ['GZIP', '- not_valid'],
    ['*', 'gzip wildcard'],
    ['*;q=0', '- not_valid'],
    ['identity', '- identity'],
    ['identity;q=0.5, gzip', 'gzip used'],
    ['', '- not_valid'],
    [',,;,=', '- not_valid'],
  ] as const
  for (const [header, expected] of rows) assert.equal(chosen(header), expected, header)
})

test('several compressors', () => {
  assert.equal(chosen('gzip, br', BOTH), 'gzip used')
  assert.equal(chosen('br;q=0.5, gzip;q=0.6', BOTH), 'gzip used')
  assert.equal(chosen('*', BOTH), 'br wildcard')
  assert.equal(chosen('*, br;q=0', BOTH), 'gzip wildcard')
  assert.equal(chosen('gzip, br', [candidate('br', true), candidate('gzip')]), 'br used')
  assert.equal(chosen('gzip', []), '- not_valid')
})

test('a long header is read in one pass', () => {
  const started = performance.now()
  assert.equal(chosen(`${'x;q=0.5,'.repeat(8000)}gzip`), 'gzip used')
  assert.ok(performance.now() - started < 1000)
})
