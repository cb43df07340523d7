import assert from 'node:assert/strict'
import { test } from 'node:test'
import { descriptor, descriptorConfig as limit, TestLimiter } from '../testing.ts'

test('a limit lets through what it says, per value and window, and tells what remains', async () => {
  const limiter = new TestLimiter([limit('client', '2/minute')])
  assert.equal(await limiter.told('client=a'), 'OK OK:1/2')
  assert.equal(await limiter.told('client=a'), 'OK OK:0/2')
  assert.equal(await limiter.told('client=a'), 'OVER OVER:0/2')
  assert.equal(await limiter.told('client=b'), 'OK OK:1/2')
  const answer = await limiter.ask([descriptor('client=a')])
  assert.equal('statuses' in answer && answer.statuses[0]!.secondsUntilReset, 40)
  limiter.nowMs += 40_000
  assert.equal(await limiter.told('client=a'), 'OK OK:1/2')
})

test('a descriptor comes under the limit at its own depth: exact value, then wildcards in order, then any value', async () => {
  const limiter = new TestLimiter([
    limit('p', '1/day', { descriptors: [limit('q', '2/day'), limit('q=x', '3/day')] }),
    limit('p=/a/*', '4/day'),
    limit('p=/a/*/b', '5/day'),
    limit('p=/a/c', '6/day'),
    limit('deep', null, { descriptors: [limit('er', '7/day')] }),
  ])
  const cases: readonly (readonly [string, string])[] = [
    ['p=1', 'OK OK:0/1'],
    ['p=1,q=1', 'OK OK:1/2'],
    ['p=1,q=x', 'OK OK:2/3'],
    ['p=/a/z/b', 'OK OK:3/4'],
    ['p=/a/c', 'OK OK:5/6'],
    ['deep=1', 'OK OK'],
    ['deep=1,er=1', 'OK OK:6/7'],
    ['deep=1,er=1,x=1', 'OK OK'],
    ['q=1', 'OK OK'],
  ]
  for (const [text, told] of cases) assert.equal(await limiter.told(text), told, text)
})

test('one limit that is over decides, and every descriptor has its own status', async () => {
  const limiter = new TestLimiter([limit('a', '1/day'), limit('b', '5/day')])
  assert.equal(await limiter.told('a=1 b=1 c=1'), 'OK OK:0/1 OK:4/5 OK')
  assert.equal(await limiter.told('a=1 b=1 c=1'), 'OVER OVER:0/1 OK:3/5 OK')
})

test('hits: of the descriptor before those of the request, 0 only looks, and they can be given back', async () => {
  const limiter = new TestLimiter([limit('a', '10/day')])
  assert.equal(await limiter.told('a=1', 4), 'OK OK:6/10')
  assert.equal(await limiter.told('a=1', 4, { hitsAddend: 1 }), 'OK OK:5/10')
  assert.equal(await limiter.told('a=1', 4, { hitsAddend: 0 }), 'OK OK:5/10')
  assert.equal(await limiter.told('a=1', 3, { negativeHits: true }), 'OK OK:8/10')
  assert.equal(await limiter.told('a=1', 9, { negativeHits: true }), 'OK OK:10/10')
  assert.match(await limiter.told('a=1', 2 ** 60), /^request: hits_addend is too large/)
})

test('stats: a call that crosses a threshold counts on each side with its part', async () => {
  const limiter = new TestLimiter([limit('a', '10/day')])
  await limiter.told('a=1', 7)
  await limiter.told('a=1', 2)
  await limiter.told('a=1', 5)
  await limiter.told('a=1', 3)
  assert.deepEqual(limiter.counted(), {
    'd.a.near_limit': 1 + 1,
    'd.a.over_limit': 4 + 3,
    'd.a.total_hits': 17,
    'd.a.within_limit': 9,
  })
})

test('shadow mode of a limit lets everything through and counts it', async () => {
  const limiter = new TestLimiter([limit('a', '1/day', { shadowMode: true })])
  assert.equal(await limiter.told('a=1', 3), 'OK OK:0/1')
  assert.equal(limiter.counted()['d.a.shadow_mode'], 2)
  assert.equal(limiter.counted()['d.a.over_limit'], 2)
})

test('global shadow mode answers OK and leaves the statuses', async () => {
  const limiter = new TestLimiter([limit('a', '1/day')], { shadowMode: true })
  assert.equal(await limiter.told('a=1', 2), 'OK OVER:0/1')
  assert.equal(limiter.counted('ratelimit.service.')['global_shadow_mode'], 1)
})

test('quotas refuse only when all of them are used up', async () => {
  const limiter = new TestLimiter([
    limit('a', '1/day', { quotaMode: true }),
    limit('b', '2/day', { quotaMode: true }),
    limit('c', '1/day'),
  ])
  assert.equal(await limiter.told('a=1 b=1'), 'OK OK:0/1 OK:1/2')
  assert.equal(await limiter.told('a=1 b=1'), 'OK OVER:0/1 OK:0/2')
  assert.equal(await limiter.told('a=1 b=1'), 'OVER OVER:0/1 OVER:0/2')
  assert.equal(await limiter.told('a=2 c=1', 2), 'OVER OVER:0/1 OVER:0/1')
})

test('unlimited passes without a counter, and is counted in the stats', async () => {
  const limiter = new TestLimiter([limit('a', 'unlimited')])
  const answer = await limiter.ask([descriptor('a=1')], 7)
  assert.deepEqual('statuses' in answer && answer.statuses[0], {
    code: 1,
    limit: null,
    remaining: 4294967295,
    secondsUntilReset: -1,
  })
  assert.deepEqual(limiter.counted(), { 'd.a.total_hits': 7, 'd.a.within_limit': 7 })
})

test('a limit that is replaced by another of the same request does not count', async () => {
  const limiter = new TestLimiter([
    limit('all', '1/day', { name: 'all' }),
    limit('vip', '9/day', { replaces: ['all'] }),
  ])
  assert.equal(await limiter.told('all=1 vip=1'), 'OK OK OK:8/9')
  assert.equal(await limiter.told('all=1'), 'OK OK:0/1')
})

test('a limit that the request brings stands in for the configured one', async () => {
  const limiter = new TestLimiter([limit('a', '1/day')])
  const own = (unit: number, unitMultiplier = 1) => ({ limit: { requestsPerUnit: 5, unit, unitMultiplier } })
  assert.equal(await limiter.told('a=1', 2, own(2)), 'OK OK:3/5')
  assert.equal(limiter.counted()['d.a_1.total_hits'], 2)
  const answer = await limiter.ask([descriptor('a=2', own(2, 3))])
  assert.equal('statuses' in answer && answer.statuses[0]!.limit!.windowSeconds, 180)
  assert.match(await limiter.told('a=1', 1, own(0)), /no valid unit/)
  assert.match(await limiter.told('a=1', 1, own(6, 4e9)), /too long a time/)
})

test('values in metrics and shared thresholds', async () => {
  const limiter = new TestLimiter([
    limit('v', '5/day', { valueToMetric: true }),
    limit('d', '5/day', { detailedMetric: true, descriptors: [] }),
    limit('w=x*', '5/day', { shareThreshold: true }),
    limit('o=x*', '5/day'),
    limit('t=y*', null, { shareThreshold: true, descriptors: [limit('u', '5/day', { detailedMetric: true })] }),
  ])
  for (const text of ['v=1', 'd=10.0.0.1:80', 'o=x1', 't=y1,u=1']) await limiter.told(text)
  assert.equal(await limiter.told('w=x1', 3), 'OK OK:2/5')
  assert.equal(await limiter.told('w=x2', 3), 'OVER OVER:0/5')
  const hits = Object.keys(limiter.counted()).filter(name => name.endsWith('total_hits'))
  assert.deepEqual(hits.toSorted(), [
    'd.d_10_0_0_1_80.total_hits',
    'd.o_x*.total_hits',
    'd.t_y*.u_1.total_hits',
    'd.v_1.total_hits',
    'd.w_x*.total_hits',
  ])
})

test('names of stats that requests bring are bounded', async () => {
  const limiter = new TestLimiter([limit('v', '5/day', { valueToMetric: true })], { maxDynamicStats: 3 })
  for (let i = 0; i < 10; i++) await limiter.told(`v=${i}`)
  for (let i = 0; i < 10; i++) await limiter.ask([descriptor('v=1')], 1, `unknown${i}`)
  assert.equal(Object.keys(limiter.counted()).filter(name => name.endsWith('total_hits')).length, 3)
  assert.deepEqual(limiter.counted('ratelimit.service.rate_limit_others.'), {
    domain_not_found: 7,
    total_hits: 7,
    within_limit: 7,
  })
})

test('a question without domain or descriptors is none', async () => {
  const limiter = new TestLimiter([limit('a', '1/day')])
  const told = async (domain: string, texts: readonly string[]) => {
    const answer = await limiter.ask(
      texts.map(text => descriptor(text)),
      1,
      domain,
    )
    return 'kind' in answer ? answer.message : 'answered'
  }
  assert.equal(await told('', ['a=1']), 'rate limit domain must not be empty')
  assert.equal(await told('d', []), 'rate limit descriptor list must not be empty')
  assert.equal(await told('unknown', ['a=1']), 'answered')
  assert.equal(limiter.counted('ratelimit.service.call.should_rate_limit.')['service_error'], 2)
  assert.equal(limiter.counted()['unknown.domain_not_found'], 1)
})

test('headers tell of the limit that is nearest, or of one that is over', async () => {
  const headers = { limit: 'RateLimit-Limit', remaining: 'RateLimit-Remaining', reset: 'RateLimit-Reset' }
  const limiter = new TestLimiter([limit('a', '2/minute'), limit('b', '9/hour')], { headers })
  const told = async (text: string) => {
    const answer = await limiter.ask(text.split(' ').map(one => descriptor(one)))
    return 'responseHeaders' in answer ? answer.responseHeaders.map(([, value]) => value).join() : ''
  }
  assert.equal(await told('b=1 a=1'), '2,1,40')
  assert.equal(await told('a=1 b=1'), '2,0,40')
  assert.equal(await told('a=1 b=1'), '2,0,40')
  assert.equal(await told('b=1'), '9,5,2800')
  assert.equal(await told('c=1'), '')
})

test('requests that one limit refuses need not count for the others', async () => {
  const limiter = new TestLimiter([limit('a', '1/day'), limit('b', '5/day')], { stopWhenOver: true })
  assert.equal(await limiter.told('a=1 b=1'), 'OK OK:0/1 OK:4/5')
  assert.equal(await limiter.told('a=1 b=1'), 'OVER OVER:0/1 OK:4/5')
  assert.equal(await limiter.told('b=1'), 'OK OK:3/5')
})

test('a sliding window counts the one before by what still overlaps, and nothing that was refused', async () => {
  const limiter = new TestLimiter([limit('a', '10/minute')], { window: 'sliding' })
  limiter.nowMs = 60_000_000
  assert.equal(await limiter.told('a=1', 10), 'OK OK:0/10')
  for (let i = 0; i < 20; i++) assert.equal(await limiter.told('a=1', 1), 'OVER OVER:0/10')
  limiter.nowMs += 60_000
  assert.equal(await limiter.told('a=1'), 'OVER OVER:0/10')
  limiter.nowMs += 15_000
  // 7.5 of the last window still count, which is 8.
  assert.equal(await limiter.told('a=1', 2), 'OK OK:0/10')
  assert.equal(await limiter.told('a=1'), 'OVER OVER:0/10')
  limiter.nowMs += 44_999
  assert.equal(await limiter.told('a=1', 7), 'OK OK:0/10')
  limiter.nowMs += 120_000
  assert.equal(await limiter.told('a=1', 10), 'OK OK:0/10')
})

test('counters in memory are bounded, and go with their window', async () => {
  const limiter = new TestLimiter([limit('a', '9/second')], { maxCounters: 5 })
  for (let i = 0; i < 12; i++) await limiter.told(`a=${i}`)
  assert.deepEqual(limiter.counted('ratelimit.memory.'), { counters: 5, evicted: 7 })
  limiter.nowMs += 1000
  await limiter.told('a=1')
  assert.deepEqual(limiter.counted('ratelimit.memory.'), { counters: 1, evicted: 7 })
  limiter.nowMs -= 1000
  assert.equal(await limiter.told('a=1'), 'OK OK:7/9')
})
