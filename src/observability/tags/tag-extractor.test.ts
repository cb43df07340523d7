import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultTagNames, defaultTagRules } from './default-tag-rules.ts'
import { TagExtractor } from './tag-extractor.ts'
import type { TagRule } from './tag-rule.ts'

function read(extractor: TagExtractor, stat: string): string {
  const { name, tags } = extractor.extract(stat)
  return `${name} ${tags.map(({ tag, value }) => `${tag.replace('envoy.', '')}=${value}`).join(' ')}`.trim()
}

test('default tags, in the order of the labels', () => {
  const cases: Readonly<Record<string, string>> = {
    'cluster.c.upstream_rq_200': 'cluster.upstream_rq response_code=200 cluster_name=c',
    'cluster.c.upstream_rq_2xx': 'cluster.upstream_rq_xx response_code_class=2 cluster_name=c',
    'cluster.a.b.upstream_rq_timeout': 'cluster.b.upstream_rq_timeout cluster_name=a',
    'cluster.c.upstream_rq_2000': 'cluster.upstream_rq_2000 cluster_name=c',
    'cluster.c.grpc.svc.method.total':
      'cluster.grpc.total grpc_bridge_method=method grpc_bridge_service=svc cluster_name=c',
    'cluster.c.ssl.ciphers.ECDHE-RSA': 'cluster.ssl.ciphers cipher_suite=ECDHE-RSA cluster_name=c',
    'http.in.downstream_rq_2xx': 'http.downstream_rq_xx response_code_class=2 http_conn_manager_prefix=in',
    'http.in.user_agent.ios.downstream_cx_total':
      'http.user_agent.downstream_cx_total http_user_agent=ios http_conn_manager_prefix=in',
    'http.in.rds.my.route.version': 'http.rds.version rds_route_config=my.route http_conn_manager_prefix=in',
    'listener.127.0.0.1_80.worker_0.downstream_cx_total':
      'listener.worker.downstream_cx_total worker_id=0 listener_address=127.0.0.1_80',
    'listener.127.0.0.1_80.http.in.downstream_rq_2xx':
      'listener.http.downstream_rq_xx response_code_class=2 http_conn_manager_prefix=in listener_address=127.0.0.1_80',
    'listener.[__1]_80.downstream_cx_total': 'listener.downstream_cx_total listener_address=[__1]_80',
    'listener.foo.downstream_cx_total': 'listener.downstream_cx_total listener_address=foo',
    'listener.admin.http.admin.downstream_rq_2xx':
      'listener.admin.http.downstream_rq_xx response_code_class=2 http_conn_manager_prefix=admin',
    'vhost.my.vh.vcluster.vc.upstream_rq_total':
      'vhost.vh.vcluster.upstream_rq_total virtual_cluster=vc virtual_host=my',
    'vhost.v.route.r.upstream_rq_503': 'vhost.route.upstream_rq response_code=503 route=r virtual_host=v',
    'tcp.t.downstream_cx_total': 'tcp.downstream_cx_total tcp_prefix=t',
    'redis.r.command.get.total': 'redis.command.get.total redis_prefix=r',
    'server.worker_3.watchdog_miss': 'server.worker.watchdog_miss worker_id=3',
    'server.live': 'server.live',
    'cluster_manager.cds.version': 'cluster_manager.cds.version',
    cluster: 'cluster',
    '': '',
  }
  const extractor = new TagExtractor()
  for (const [stat, expected] of Object.entries(cases)) assert.equal(read(extractor, stat), expected, stat)
})

test('own tags: fixed ones first, parts cut once, defaults switched off', () => {
  const word = (tag: string, start: number, end: number): TagRule => ({
    tag,
    find: name => (name.length < end ? null : { start, end, value: name.slice(start, end) }),
  })
  const fixed = [{ tag: 'zone', value: 'z' }]
  assert.equal(read(new TagExtractor([], fixed), 'cluster.c.x'), 'cluster.x zone=z cluster_name=c')
  assert.equal(read(new TagExtractor([], fixed, false), 'cluster.c.x'), 'cluster.c.x zone=z')
  const both = new TagExtractor([word('one', 0, 3), word('two', 2, 5), word('one', 6, 7)], [], false)
  assert.equal(read(both, 'abcdefgh'), 'defgh one=abc two=cde')
  const defaults = new TagExtractor(defaultTagRules('envoy.cluster_name'), [], false)
  assert.equal(read(defaults, 'cluster.c.upstream_rq_200'), 'cluster.upstream_rq_200 cluster_name=c')
  assert.equal(read(defaults, 'http.c.downstream_rq_200'), 'http.c.downstream_rq_200')
})

test('default tags are known by name', () => {
  for (const name of defaultTagNames) assert.ok(defaultTagRules(name).length > 0, name)
  assert.deepEqual(defaultTagRules('nope'), [])
})
