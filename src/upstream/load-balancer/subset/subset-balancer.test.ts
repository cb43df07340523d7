// Subsets, beside the answers that Envoy 1.40 gave to the same configuration.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileForTest, endpointJson } from '../../testing.ts'
import { policy, TestWorker, Wishes } from '../testing.ts'

const lb = (fields: object) => ({ metadata: { filterMetadata: { 'envoy.lb': fields } } })

/** Ports 1 to 5. */
const ENDPOINTS = [
  endpointJson(1, lb({ v: '1.0', stage: 'prod' })),
  endpointJson(2, lb({ v: '1.0', stage: 'prod' })),
  endpointJson(3, lb({ v: '1.1', stage: 'canary' })),
  endpointJson(4, lb({ v: '1.2-pre', stage: 'dev', n: 1 })),
  endpointJson(5, { healthStatus: 'UNHEALTHY', ...lb({ v: '9', stage: 'down' }) }),
]
const SELECTORS = [{ keys: ['v', 'stage'] }, { keys: ['stage'] }]
const SINGLE = [{ keys: ['stage'], singleHostPerSubset: true }]

function worker(lbSubsetConfig: object, extra: object = {}, lbEndpoints: object[] = ENDPOINTS): TestWorker {
  const made = new TestWorker()
  made.add({ name: 'c', loadAssignment: { endpoints: [{ lbEndpoints }] }, lbSubsetConfig, ...extra })
  return made
}

const asking = (metadataMatch: object) => new Wishes({ metadataMatch })
const HALVES = { 1: 500, 2: 500 }
const QUARTERS = { 1: 250, 2: 250, 3: 250, 4: 250 }
const NOBODY = { none: 1000 }

test('what routes ask for, and what they get', () => {
  const byDefault = { fallbackPolicy: 'DEFAULT_SUBSET', defaultSubset: { stage: 'prod' }, subsetSelectors: SELECTORS }
  const any = { fallbackPolicy: 'ANY_ENDPOINT', subsetSelectors: SELECTORS }
  const none = { fallbackPolicy: 'NO_FALLBACK', subsetSelectors: SELECTORS }
  const toKeys = (fallbackPolicy: string) => ({
    fallbackPolicy,
    subsetSelectors: [
      { keys: ['stage', 'v'], fallbackPolicy: 'KEYS_SUBSET', fallbackKeysSubset: ['stage'] },
      { keys: ['stage'] },
    ],
  })
  const strict = [{ keys: ['stage'], fallbackPolicy: 'NO_FALLBACK' }, { keys: ['v', 'stage'] }]
  const byList = { metadataFallbackPolicy: 'FALLBACK_LIST' }
  const numbers = { fallbackPolicy: 'NO_FALLBACK', subsetSelectors: [{ keys: ['n'] }] }
  const rows: [object, object, object][] = [
    [byDefault, { stage: 'canary' }, { 3: 1000 }],
    [byDefault, { v: '1.0' }, HALVES],
    [byDefault, { stage: 'test' }, HALVES],
    [{ ...byDefault, subsetSelectors: strict }, { stage: 'test' }, NOBODY],
    // An earlier selector begins with the same keys in order, so this one's fallback is not looked at.
    [{ ...byDefault, subsetSelectors: [...strict].reverse() }, { stage: 'test' }, HALVES],
    [any, { v: '7', stage: 'x' }, QUARTERS],
    [any, { stage: 'down' }, { 5: 1000 }],
    [none, { v: '1.0' }, NOBODY],
    [toKeys('NO_FALLBACK'), { stage: 'prod', v: 'none' }, HALVES],
    [toKeys('ANY_ENDPOINT'), { stage: 'nix', v: 'none' }, QUARTERS],
    [numbers, { n: 1 }, { 4: 1000 }],
    [numbers, { n: '1' }, NOBODY],
    [{ ...byDefault, defaultSubset: { stage: 'none' }, panicModeAny: true }, { stage: 'z' }, QUARTERS],
    [{ fallbackPolicy: 'NO_FALLBACK', subsetSelectors: SINGLE }, { stage: 'prod' }, { 1: 1000 }],
    [{ fallbackPolicy: 'NO_FALLBACK', subsetSelectors: SINGLE }, { stage: 'down' }, { 5: 1000 }],
    [{ ...none, ...byList }, { fallback_list: [{ stage: 'q' }, { stage: 'canary' }, { stage: 'prod' }] }, { 3: 1000 }],
    [{ ...any, ...byList }, { v: '1.0', fallback_list: [{ stage: 'q' }, { stage: 'prod' }] }, QUARTERS],
  ]
  for (const [config, metadata, expected] of rows) {
    const picks = worker(config).tally('c', 1000, asking(metadata))
    assert.deepEqual(picks, expected, JSON.stringify([config, metadata]))
  }
  assert.deepEqual(worker(any).tally('c', 1000), QUARTERS)
  assert.deepEqual(worker(none).tally('c', 1000), NOBODY)
  const calm = { commonLbConfig: { healthyPanicThreshold: {} } }
  assert.deepEqual(worker(any, calm).tally('c', 1000, asking({ stage: 'down' })), NOBODY)
})

test('counters: selected, fallback, subsets that come and go', () => {
  const made = worker({ fallbackPolicy: 'ANY_ENDPOINT', subsetSelectors: SELECTORS })
  made.tally('c', 10, asking({ stage: 'prod' }))
  made.tally('c', 5, asking({ stage: 'none' }))
  const counts = () =>
    (['lb_subsets_active', 'lb_subsets_created', 'lb_subsets_removed'] as const).map(stat => made.stat('c', stat))
  assert.deepEqual(counts(), [8, 8, 0])
  assert.deepEqual([made.stat('c', 'lb_subsets_selected'), made.stat('c', 'lb_subsets_fallback')], [10, 5])
  made.main.setHosts('c', { endpoints: [{ lbEndpoints: ENDPOINTS.slice(0, 3) }] })
  made.tally('c', 1)
  assert.deepEqual(counts(), [4, 8, 4])
  made.main.setHealth('c', '127.0.0.1:1', 1)
  assert.deepEqual(made.tally('c', 10, asking({ stage: 'prod' })), { 2: 10 })
  assert.deepEqual(counts(), [4, 8, 4], 'health makes no subset')
})

test('list_as_any: a host is in the subset of each value of its list', () => {
  const hosts = [endpointJson(1, lb({ v: ['a', 'b'], z: 'x' })), endpointJson(2, lb({ v: 'b', z: 'x' }))]
  const config = { fallbackPolicy: 'NO_FALLBACK', subsetSelectors: [{ keys: ['v', 'z'] }] }
  const asked = asking({ v: 'b', z: 'x' })
  assert.deepEqual(worker({ ...config, listAsAny: true }, {}, hosts).tally('c', 10, asked), { 1: 5, 2: 5 })
  assert.deepEqual(worker(config, {}, hosts).tally('c', 10, asked), { 2: 10 })
})

test('the Subset policy: redundant keys, another policy inside', () => {
  const config = {
    allowRedundantKeys: true,
    subsetSelectors: [{ keys: ['stage'] }],
    subsetLbPolicy: policy('maglev.v3.Maglev'),
  }
  const made = new TestWorker()
  const loadAssignment = { endpoints: [{ lbEndpoints: ENDPOINTS }] }
  made.add({ name: 'c', loadAssignment, loadBalancingPolicy: policy('subset.v3.Subset', config) })
  const metadataMatch = { stage: 'prod', v: 'anything' }
  const chosen = [1n, 1n, 2n, 2n].map(hash => made.tally('c', 10, new Wishes({ metadataMatch, hash })))
  assert.deepEqual(chosen[0], chosen[1])
  assert.deepEqual(chosen[2], chosen[3])
  const seen = Array.from({ length: 50 }, (_, at) =>
    made.tally('c', 1, new Wishes({ metadataMatch, hash: BigInt(at) })),
  )
  assert.deepEqual(new Set(seen.flatMap(picks => Object.keys(picks))), new Set(['1', '2']))
})

test('locality weights hold within a subset, scaled by what is left of a locality when asked', () => {
  const locality = (zone: string, weight: number, lbEndpoints: object[]) => ({
    locality: { zone },
    loadBalancingWeight: weight,
    lbEndpoints,
  })
  const prod = lb({ stage: 'prod' })
  const endpoints = [
    locality('a', 50, [endpointJson(1, prod), endpointJson(2), endpointJson(3), endpointJson(4), endpointJson(5)]),
    locality('b', 50, [endpointJson(6, prod)]),
  ]
  const share = (more: object): number => {
    const made = new TestWorker()
    const lbSubsetConfig = { subsetSelectors: [{ keys: ['stage'] }], ...more }
    const commonLbConfig = { localityWeightedLbConfig: {} }
    made.add({ name: 'c', loadAssignment: { endpoints }, commonLbConfig, lbSubsetConfig })
    return made.tally('c', 600, asking({ stage: 'prod' }))[1] as number
  }
  assert.equal(share({}), 300)
  assert.equal(share({ localityWeightAware: true }), 300)
  assert.equal(share({ localityWeightAware: true, scaleLocalityWeight: true }), 100)
})

test('selectors that cannot work are refused', () => {
  const problemsOf = (selector: object) =>
    compileForTest({ name: 'c', lbSubsetConfig: { subsetSelectors: [selector] } } as never).problems
  const keys = ['a', 'b']
  const fallback = (...fallbackKeysSubset: string[]) => ({ keys, fallbackPolicy: 'KEYS_SUBSET', fallbackKeysSubset })
  for (const selector of [
    { keys, singleHostPerSubset: true },
    fallback(),
    fallback('c'),
    fallback('a', 'b'),
    { keys, fallbackKeysSubset: ['a'] },
  ]) {
    assert.equal(problemsOf(selector).length, 1, JSON.stringify(selector))
  }
  assert.deepEqual(problemsOf(fallback('a')), [])
})
