import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap, HeaderName } from '../../../http/index.ts'
import { extract, inject } from './b3.ts'

const TRACE = '463ac35c9f6413ad'
const LONG = `aaaaaaaaaaaaaaaa${TRACE}`
const SPAN = 'a2fb4a1d1a96d312'
const PARENT = '0020000000000001'

function headersOf(fields: Readonly<Record<string, string>>): HeaderMap {
  const headers = new HeaderMap()
  for (const [name, value] of Object.entries(fields)) headers.append(HeaderName.of(name), value)
  return headers
}

const read = (fields: Readonly<Record<string, string>>, withTraceParent = false) =>
  extract(headersOf(fields), withTraceParent)

test('several headers, ids of both lengths', () => {
  const several = { 'x-b3-traceid': LONG, 'x-b3-spanid': SPAN, 'x-b3-parentspanid': PARENT, 'x-b3-sampled': '1' }
  const context = { traceId: LONG, spanId: SPAN, parentId: PARENT }
  assert.deepEqual(read(several), { context, sampled: true, single: false })
  assert.deepEqual(read({ 'x-b3-traceid': 'ABC', 'x-b3-spanid': 'def' }), {
    context: { traceId: '0000000000000abc', spanId: '0000000000000def', parentId: '' },
    sampled: null,
    single: false,
  })
  const short = { 'x-b3-traceid': `0000000000000000${TRACE}`, 'x-b3-spanid': SPAN }
  assert.equal(read(short)?.context?.traceId, TRACE)
})

test('a decision without a trace, and nothing at all', () => {
  assert.deepEqual(read({ 'x-b3-sampled': '0' }), { context: null, sampled: false, single: false })
  assert.deepEqual(read({ 'x-b3-sampled': 'true' }), { context: null, sampled: true, single: false })
  assert.deepEqual(read({ b3: '0' }), { context: null, sampled: false, single: true })
  assert.deepEqual(read({}), { context: null, sampled: null, single: false })
})

test('the single header', () => {
  const context = { traceId: TRACE, spanId: SPAN, parentId: '' }
  assert.deepEqual(read({ b3: `${TRACE}-${SPAN}` }), { context, sampled: null, single: true })
  assert.deepEqual(read({ b3: `${TRACE}-${SPAN}-d` }), { context, sampled: true, single: true })
  assert.deepEqual(read({ b3: `${LONG}-${SPAN}-0-${PARENT}` }), {
    context: { traceId: LONG, spanId: SPAN, parentId: PARENT },
    sampled: false,
    single: true,
  })
})

test('what cannot be understood is null', () => {
  for (const b3 of [
    '',
    'x',
    `${TRACE}-`,
    `${TRACE}-${SPAN}-`,
    `${TRACE}-${SPAN}-2`,
    `${TRACE}-${SPAN}-1-1`,
    `z${LONG}`,
  ]) {
    assert.equal(read({ b3 }), null, b3)
  }
  const bad = { 'x-b3-traceid': 'xyz', 'x-b3-spanid': SPAN }
  assert.equal(read(bad), null)
  assert.equal(read({ 'x-b3-traceid': `${TRACE}0`, 'x-b3-spanid': SPAN }), null)
  assert.equal(read({ 'x-b3-traceid': TRACE, 'x-b3-spanid': '' }), null)
  assert.equal(read({ 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-parentspanid': 'q' }), null)
})

test('traceparent counts where it is asked for and there is no B3', () => {
  const traceparent = `00-${LONG}-${SPAN}-01`
  assert.deepEqual(read({ traceparent }), { context: null, sampled: null, single: false })
  assert.deepEqual(read({ traceparent }, true), {
    context: { traceId: LONG, spanId: SPAN, parentId: '' },
    sampled: true,
    single: false,
  })
  assert.equal(read({ traceparent: `00-${LONG}-${SPAN}-00` }, true)?.sampled, false)
  assert.equal(read({ traceparent, b3: `${TRACE}-${SPAN}-1` }, true)?.context?.traceId, TRACE)
  for (const bad of ['x', `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${LONG}-${SPAN}-1`]) {
    assert.equal(read({ traceparent: bad }, true)?.context, null, bad)
  }
})

test('the next hop is told in the form that came', () => {
  const context = { traceId: TRACE, spanId: SPAN, parentId: PARENT }
  const several = headersOf({ 'x-b3-spanid': 'old' })
  inject(several, context, false, { single: false, traceParent: true })
  const told = ['x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled'].map(name => several.lookup(name))
  assert.deepEqual(told, [TRACE, SPAN, PARENT, '0'])
  assert.equal(several.lookup('traceparent'), `00-0000000000000000${TRACE}-${SPAN}-00`)
  const single = headersOf({})
  inject(single, { ...context, parentId: '' }, true, { single: true, traceParent: false })
  assert.equal(single.lookup('b3'), `${TRACE}-${SPAN}-1`)
  assert.equal(single.count, 1)
})
