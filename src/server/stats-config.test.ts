import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatsConfigJson } from '#api/envoy/config/metrics/v3/stats_pb.ts'
import { ConfigPath, Diagnostics, ExtensionRegistry, fixedSecrets, runtimeSnapshot } from '../config/index.ts'
import { compileContext } from './compile-context.ts'
import { compileStatsConfig } from './stats-config.ts'

function compiled(config: StatsConfigJson | undefined) {
  const diagnostics = new Diagnostics()
  const context = compileContext({
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    clusters: { has: () => false, names: () => [] },
    localClusterName: null,
    secrets: fixedSecrets,
    diagnostics,
  })
  const settings = compileStatsConfig(config, context, ConfigPath.root.field('stats_config'))
  return { settings, errors: diagnostics.list.map(({ path, message }) => `${path}: ${message}`) }
}

test('no stats_config: default tags and buckets, everything kept', () => {
  const { settings, errors } = compiled(undefined)
  assert.deepEqual(errors, [])
  assert.equal(settings.keeps, null)
  assert.equal(settings.bucketsOf('x').length, 19)
  assert.equal(settings.tags.extract('cluster.c.x').name, 'cluster.x')
})

test('stats_tags: fixed, by pattern with one or two groups, by the name of a default', () => {
  const { settings, errors } = compiled({
    useAllDefaultTags: false,
    statsTags: [
      { tagName: 'zone', fixedValue: 'z' },
      { tagName: 'v', regex: '^vhost\\.((.*?)\\.)' },
      { tagName: 'w', regex: '\\.x(y)$' },
      { tagName: 'envoy.cluster_name' },
    ],
  })
  assert.deepEqual(errors, [])
  const read = (stat: string) => {
    const { name, tags } = settings.tags.extract(stat)
    return [name, ...tags.map(({ tag, value }) => `${tag}=${value}`)].join(' ')
  }
  assert.equal(read('vhost.a.xy'), 'vhost.x zone=z v=a w=y')
  assert.equal(read('cluster.c.upstream_rq_200'), 'cluster.upstream_rq_200 zone=z envoy.cluster_name=c')
})

test('stats_matcher', () => {
  const keeps = (statsMatcher: NonNullable<StatsConfigJson['statsMatcher']>) => {
    const { settings } = compiled({ statsMatcher })
    return ['cluster.a', 'server.live'].filter(name => settings.keeps?.(name) ?? true)
  }
  const patterns = [{ prefix: 'cluster.' }, { exact: 'nope' }]
  assert.deepEqual(keeps({ inclusionList: { patterns } }), ['cluster.a'])
  assert.deepEqual(keeps({ exclusionList: { patterns } }), ['server.live'])
  assert.deepEqual(keeps({ rejectAll: true }), [])
  assert.deepEqual(keeps({ rejectAll: false }), ['cluster.a', 'server.live'])
})

test('histogram_bucket_settings: the first that matches', () => {
  const { settings, errors } = compiled({
    histogramBucketSettings: [
      { match: { suffix: 'rq_time' }, buckets: [1, 10, 100.5] },
      { match: { prefix: 'cluster.' }, buckets: [2] },
    ],
  })
  assert.deepEqual(errors, [])
  assert.deepEqual(settings.bucketsOf('cluster.c.rq_time'), [1, 10, 100.5])
  assert.deepEqual(settings.bucketsOf('cluster.c.length'), [2])
  assert.equal(settings.bucketsOf('http.in.length').length, 19)
})

test('mistakes are named with their place', () => {
  const { errors } = compiled({
    statsTags: [
      { tagName: 'a', regex: '(' },
      { tagName: 'b', regex: 'no group' },
      { tagName: 'envoy.cluster_name' },
      { tagName: 'nope' },
    ],
    histogramBucketSettings: [{ match: { exact: 'x' }, buckets: [1, 1] }],
  })
  assert.deepEqual(
    errors.map(error => error.split(':')[0]),
    [
      'stats_config.stats_tags[0].regex',
      'stats_config.stats_tags[1].regex',
      'stats_config.stats_tags[2].tag_name',
      'stats_config.stats_tags[3].tag_name',
      'stats_config.histogram_bucket_settings[0].buckets',
    ],
  )
})
