import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkBootstrap } from './check-bootstrap.ts'
import { Diagnostics } from './diagnostics.ts'
import { loadBootstrap } from './load/load-bootstrap.ts'

function check(content: string): readonly string[] {
  const loaded = loadBootstrap({ files: [{ path: 'e.yaml', content }], options: { checkSupport: false } })
  assert.ok(loaded.bootstrap, JSON.stringify(loaded.diagnostics.list))
  const diagnostics = new Diagnostics()
  checkBootstrap(loaded.bootstrap, diagnostics)
  loaded.sources.locate(diagnostics.list)
  return diagnostics.list.map(({ line, path, message }) => `${line}: ${path}: ${message}`)
}

const address = (host: string, port: number) => `{ socket_address: { address: '${host}', port_value: ${port} } }`

test('names used twice are found at the second use', () => {
  const yaml = `static_resources:
  listeners:
  - { name: a, address: ${address('0.0.0.0', 1)} }
  - { name: a, address: ${address('0.0.0.0', 2)} }
  clusters:
  - { name: x }
  - { name: q }
  - { name: x }
`
  assert.deepEqual(check(yaml), [
    "4: static_resources.listeners[1].name: a listener named 'a' stands at static_resources.listeners[0] already",
    "8: static_resources.clusters[2].name: a cluster named 'x' stands at static_resources.clusters[0] already",
  ])
})

test('one address for two listeners, or for a listener and admin, is a clash', () => {
  const yaml = `admin: { address: ${address('::1', 3)} }
static_resources:
  listeners:
  - { address: ${address('127.0.0.1', 1)}, additional_addresses: [{ address: ${address('0:0:0:0:0:0:0:1', 3)} }] }
  - { address: ${address('127.0.0.1', 1)} }
  - { address: ${address('127.0.0.1', 1)}, bind_to_port: false }
  - { address: ${address('127.0.0.1', 0)} }
  - { address: ${address('127.0.0.1', 0)} }
  - { address: { pipe: { path: /run/a } } }
  - { address: { pipe: { path: /run/a } } }
`
  assert.deepEqual(check(yaml), [
    '5: static_resources.listeners[1].address: 127.0.0.1:1 is taken by static_resources.listeners[0].address already',
    '10: static_resources.listeners[6].address: /run/a is taken by static_resources.listeners[5].address already',
    '1: admin.address: [::1]:3 is taken by static_resources.listeners[0].additional_addresses[0].address already',
  ])
})

test('the local cluster must exist', () => {
  assert.deepEqual(
    check('cluster_manager: { local_cluster_name: webb }\nstatic_resources: { clusters: [{ name: web }] }\n'),
    ["1: cluster_manager.local_cluster_name: no cluster is named 'webb'"],
  )
})
