import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap, HeaderName } from '../../../http/index.ts'
import { extract, inject } from './propagation.ts'

const W3C = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'

function headersOf(fields: Readonly<Record<string, string>>): HeaderMap {
  const headers = new HeaderMap()
  for (const [name, value] of Object.entries(fields)) headers.append(HeaderName.of(name), value)
  return headers
}
const read = (fields: Readonly<Record<string, string>>) => extract(headersOf(fields))

test("Datadog's headers", () => {
  const context = read({
    'x-datadog-trace-id': '123',
    'x-datadog-parent-id': '18446744073709551615',
    'x-datadog-sampling-priority': '-1',
    'x-datadog-origin': 'rum',
    'x-datadog-tags': '_dd.p.tid=0af7651916cd43dd,_dd.p.dm=-4,other=1,_dd.p.x=a=b',
  })
  assert.deepEqual(context, {
    traceId: '0af7651916cd43dd000000000000007b',
    parentId: 'ffffffffffffffff',
    priority: -1,
    origin: 'rum',
    tags: new Map([
      ['_dd.p.dm', '-4'],
      ['_dd.p.x', 'a=b'],
    ]),
    lastParent: '',
    otherStates: '',
  })
  assert.equal(read({ 'x-datadog-trace-id': '123' })?.priority, null)
  for (const id of ['', '0', 'junk', '-1', '18446744073709551616']) {
    assert.equal(read({ 'x-datadog-trace-id': id }), null, id)
  }
  assert.equal(read({ 'x-datadog-trace-id': '1', 'x-datadog-sampling-priority': 'x' }), null)
  assert.equal(read({ 'x-datadog-trace-id': '1', 'x-datadog-tags': `_dd.p.x=${'y'.repeat(600)}` })?.tags.size, 0)
})

test("W3C's headers: the flag holds where Datadog's priority says something else", () => {
  const priority = (flag: string, tracestate: string) => read({ traceparent: `${W3C}-${flag}`, tracestate })?.priority
  assert.equal(priority('01', 'dd=s:2;o:rum,x=y'), 2)
  assert.equal(priority('00', 'dd=s:2'), 0)
  assert.equal(priority('01', 'dd=s:-1'), 1)
  assert.equal(priority('01', ''), 1)
  const context = read({ traceparent: `${W3C}-01`, tracestate: 'a=b,dd=p:00000000000000aa;t.usr.id:a~b,x=y' })
  assert.equal(context?.lastParent, '00000000000000aa')
  assert.equal(context?.otherStates, 'a=b,x=y')
  assert.deepEqual(context?.tags, new Map([['_dd.p.usr.id', 'a=b']]))
  assert.equal(read({ traceparent: 'x' }), null)
})

test('the next hop is told in both forms', () => {
  const headers = headersOf({ traceparent: 'old' })
  inject(headers, {
    traceId: '0af7651916cd43dd000000000000007b',
    spanId: '00000000000001c8',
    priority: 1,
    origin: 'rum',
    tags: new Map([['_dd.p.x', 'a=b;c']]),
    otherStates: 'x=y',
  })
  const told: Record<string, string> = {}
  headers.forEach((name, value) => {
    told[name] = value
  })
  assert.deepEqual(told, {
    traceparent: '00-0af7651916cd43dd000000000000007b-00000000000001c8-01',
    'x-datadog-trace-id': '123',
    'x-datadog-parent-id': '456',
    'x-datadog-sampling-priority': '1',
    'x-datadog-origin': 'rum',
    'x-datadog-tags': '_dd.p.tid=0af7651916cd43dd,_dd.p.x=a=b;c',
    tracestate: 'dd=s:1;p:00000000000001c8;o:rum;t.x:a~b_c,x=y',
  })
})
