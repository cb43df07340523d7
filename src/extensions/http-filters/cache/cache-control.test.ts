import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestCacheControl, responseCacheControl } from './cache-control.ts'

test('what a response says, in any form', () => {
  const plain = { mustValidate: false, noStore: false, noStale: false, maxAge: null }
  const cases: readonly (readonly [string, object])[] = [
    ['', {}],
    ['max-age=60', { maxAge: 60 }],
    [' Max-Age = "60" , public', { maxAge: 60 }],
    ['max-age=60, s-maxage=5', { maxAge: 5 }],
    ['max-age=60, s-maxage=x', { maxAge: 0 }],
    ['max-age=-1', {}],
    ['max-age=1.5', {}],
    ['private="x, no-cache"', { noStore: true }],
    ['no-cache="a", must-revalidate', { mustValidate: true, noStale: true }],
    ['@@, no-store', { noStore: true }],
    ['x="unclosed, no-store', { noStore: true }],
    [',,,proxy-revalidate,', { noStale: true }],
  ]
  for (const [text, said] of cases) assert.deepEqual(responseCacheControl(text), { ...plain, ...said }, text)
})

test('what a request asks for; pragma only where nothing else is said', () => {
  const plain = { mustValidate: false, noStore: false, maxAge: null, minFresh: null, maxStale: null }
  assert.deepEqual(requestCacheControl(undefined, undefined), plain)
  assert.deepEqual(requestCacheControl(undefined, 'no-cache'), { ...plain, mustValidate: true })
  assert.deepEqual(requestCacheControl('max-age=1', 'no-cache'), { ...plain, maxAge: 1 })
  assert.deepEqual(requestCacheControl('max-stale', undefined), { ...plain, maxStale: Number.POSITIVE_INFINITY })
  assert.deepEqual(requestCacheControl('max-stale=3, min-fresh=2, no-store', undefined), {
    ...plain,
    maxStale: 3,
    minFresh: 2,
    noStore: true,
  })
})
