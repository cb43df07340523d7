import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomHex } from '../../../observability/index.ts'
import { AgentRates } from './agent-rates.ts'

test('everything is kept until the agent says otherwise', () => {
  const rates = new AgentRates('shop')
  assert.deepEqual(rates.decide('f'.repeat(32)), { keep: true, rate: 1, decisionMaker: '-0' })
  for (const answer of [
    'OK',
    '{}',
    'null',
    '{"rate_by_service":{"service:shop,env:":"x"}}',
    '{"rate_by_service":null}',
  ]) {
    rates.update(answer)
    assert.equal(rates.decide('f'.repeat(32)).decisionMaker, '-0', answer)
  }
})

test('the rate of the own service, or else the one for all', () => {
  const rates = new AgentRates('shop')
  const share = (): number =>
    Array.from({ length: 4000 }, () => rates.decide(randomHex(16))).filter(one => one.keep).length
  rates.update('{"rate_by_service":{"service:,env:":0}}')
  assert.equal(share(), 0)
  rates.update('{"rate_by_service":{"service:,env:":0,"service:shop,env:":1}}')
  assert.equal(share(), 4000)
  rates.update('{"rate_by_service":{"service:shop,env:":0.25}}')
  const kept = share()
  assert.ok(kept > 800 && kept < 1200, String(kept))
  assert.deepEqual(rates.decide('0'.repeat(32)), { keep: true, rate: 0.25, decisionMaker: '-1' })
})
