// The same questions to a real Envoy and to this room: answers must agree to the byte. Skipped where there is no Envoy:
// the ENVOY environment variable names the binary, otherwise it is looked for in PATH.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, test } from 'node:test'
import { startAdmin, TestSources, testCluster } from './test-sources.ts'

function findEnvoy(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, 'envoy'))
  return [process.env['ENVOY'] ?? '', ...folders].find(file => {
    try {
      accessSync(file, constants.X_OK)
      return file !== ''
    } catch {
      return false
    }
  })
}

const BOOTSTRAP = {
  node: { id: 'nid', cluster: 'ncl' },
  admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
  layered_runtime: {
    layers: [
      { name: 'st', static_layer: { a: 1 } },
      { name: 'adm', admin_layer: {} },
    ],
  },
  static_resources: {
    clusters: [
      {
        name: 'c',
        type: 'STATIC',
        connect_timeout: '0.25s',
        load_assignment: {
          cluster_name: 'c',
          endpoints: [
            {
              locality: { region: 'r', zone: 'z' },
              lb_endpoints: [
                { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 33903 } } } },
              ],
            },
          ],
        },
      },
    ],
  },
}

const binary = findEnvoy()
const skip = binary === undefined ? 'no envoy binary' : false

let envoy: ChildProcess
let folder: string
let envoyAddress: string

before(async () => {
  if (binary === undefined) return
  folder = await mkdtemp(join(tmpdir(), 'envoy-'))
  const addressFile = join(folder, 'admin')
  const yaml = JSON.stringify(BOOTSTRAP)
  const args = [
    '--config-yaml',
    yaml,
    '--concurrency',
    '1',
    '--disable-hot-restart',
    '--admin-address-path',
    addressFile,
  ]
  envoy = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  // The log says when the workers run; the address file is complete by then.
  for await (const line of envoy.stderr!) if (String(line).includes('starting main dispatch loop')) break
  envoyAddress = await readFile(addressFile, 'utf8')
})

after(async () => {
  if (binary === undefined) return
  envoy.kill()
  await once(envoy, 'exit')
  await rm(folder, { recursive: true })
})

async function ask(address: string, method: string, path: string) {
  const response = await fetch(`http://${address}${path}`, { method })
  const headers = Object.fromEntries(response.headers)
  // Envoy says nosniff twice in errors of /config_dump.
  const fixed = { ...headers, date: 'D', 'x-content-type-options': headers['x-content-type-options']?.split(',')[0] }
  return { status: response.status, headers: fixed, body: await response.text() }
}

function quietSources(): TestSources {
  const sources = new TestSources()
  const [host] = testCluster.hosts
  const counters = { cx_connect_fail: 0, cx_total: 0, rq_error: 0, rq_success: 0, rq_timeout: 0, rq_total: 0 }
  sources.clusters = () => [{ ...testCluster, hosts: [{ ...host!, counters }] }]
  sources.statLines = ['server.live: 1\n']
  sources.listeners = () => []
  return sources
}

const SAME: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/ready'],
  ['HEAD', '/ready'],
  ['POST', '/ready'],
  ['GET', '/quitquitquit'],
  ['PUT', '/reset_counters'],
  ['POST', '/reset_counters'],
  ['POST', '/reopen_logs'],
  ['POST', '/healthcheck/fail'],
  ['GET', '/ready'],
  ['POST', '/healthcheck/ok'],
  ['GET', '/stats?filter=^server.live$'],
  ['GET', '/stats?filter=%5B'],
  ['GET', '/stats?filter=a('],
  ['GET', '/stats?filter=*'],
  ['GET', '/stats?type=bogus'],
  ['GET', '/stats?format=bogus'],
  ['GET', '/stats?histogram_buckets=bogus'],
  ['GET', '/stats?hidden=bogus'],
  ['GET', '/stats/prometheus?filter=%5B'],
  ['GET', '/stats/prometheus?histogram_buckets=disjoint'],
  ['GET', '/stats?format=prometheus&histogram_buckets=detailed'],
  ['GET', '/stats/prometheus?histogram_buckets=prometheusnative'],
  ['GET', '/stats?histogram_buckets=prometheusnative'],
  ['GET', '/stats?histogram_buckets=&type=&format=&hidden=&filter=^server.live$'],
  ['GET', '/clusters'],
  ['GET', '/clusters?format=json'],
  ['GET', '/clusters?filter=zz'],
  ['GET', '/clusters?filter=zz&format=json'],
  ['GET', '/clusters?filter=%5B'],
  ['GET', '/listeners'],
  ['GET', '/listeners?format=json'],
  ['GET', '/config_dump?resource=bogus'],
  ['GET', '/config_dump?resource=bootstrap&mask=node.id'],
  ['GET', '/config_dump?resource=dynamic_listeners'],
  ['GET', '/config_dump?mask=static_clusters.cluster.name'],
  ['GET', '/config_dump?resource=static_clusters&mask=cluster.name'],
  ['GET', '/config_dump?name_regex=%5B'],
  ['GET', '/init_dump'],
  ['GET', '/init_dump?mask=listener'],
  ['GET', '/certs'],
  ['GET', '/contention'],
  ['GET', '/hot_restart_version'],
  ['POST', '/cpuprofiler'],
  ['POST', '/cpuprofiler?enable=x'],
  ['POST', '/runtime_modify'],
  ['POST', '/runtime_modify?zz=1'],
  ['POST', '/stats/recentlookups/enable'],
  ['POST', '/stats/recentlookups/disable'],
]

test('answers equal those of a real Envoy', { skip }, async t => {
  await using admin = await startAdmin(quietSources())
  for (const [method, path] of SAME) {
    await t.test(`${method} ${path}`, async () => {
      assert.deepEqual(await ask(admin.address, method, path), await ask(envoyAddress, method, path))
    })
  }
})

test('usage texts equal those of a real Envoy, but for the loggers there are', { skip }, async () => {
  await using admin = await startAdmin(new TestSources())
  for (const params of ['level=bogus', 'nosuch=debug', 'level=info&admin=debug', 'paths=admin:debug,nosuch:info']) {
    const [mine, theirs] = await Promise.all(
      [admin.address, envoyAddress].map(address => ask(address, 'POST', `/logging?${params}`)),
    )
    const usage = (body: string) => body.slice(0, body.indexOf('active loggers:'))
    assert.equal(mine!.status, theirs!.status)
    assert.equal(usage(mine!.body), usage(theirs!.body))
  }
})

test('every path that Envoy offers is offered', { skip }, async () => {
  await using admin = await startAdmin(new TestSources())
  const [mine, theirs] = await Promise.all([admin.address, envoyAddress].map(address => ask(address, 'GET', '/help')))
  const paths = (body: string) => body.split('\n').flatMap(line => /^ {2}(\/\S*(?: \(POST\))?)/.exec(line)?.[1] ?? [])
  assert.deepEqual(paths(mine!.body), paths(theirs!.body))
})
