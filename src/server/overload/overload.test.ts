import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { OverloadManagerJson } from '#api/envoy/config/overload/v3/overload_pb.ts'
import { ConfigPath, Diagnostics } from '../../config/index.ts'
import { type OverloadLevels, OverloadState } from '../../net/index.ts'
import { StatReader, StatStore } from '../../observability/index.ts'
import { OverloadManager } from './overload-manager.ts'
import { compileOverload, NO_OVERLOAD_MANAGER } from './overload-plan.ts'

const MONITORS = 'type.googleapis.com/envoy.extensions.resource_monitors'
const folder = mkdtempSync(join(tmpdir(), 'overload-'))
const file = join(folder, 'pressure')
after(() => rmSync(folder, { recursive: true }))

const INJECTED = {
  name: 'memory',
  typedConfig: { '@type': `${MONITORS}.injected_resource.v3.InjectedResourceConfig`, filename: file },
}

function compile(json: OverloadManagerJson) {
  const diagnostics = new Diagnostics()
  const plan = compileOverload(json, diagnostics, ConfigPath.root.field('overload_manager'))
  return { plan, found: diagnostics.list.map(({ path, message }) => `${path}: ${message}`) }
}

test('a scaled trigger is on in part, and the one that is furthest on decides', async () => {
  const { plan, found } = compile({
    refreshInterval: '0.001s',
    resourceMonitors: [INJECTED],
    actions: [
      {
        name: 'envoy.overload_actions.stop_accepting_requests',
        triggers: [
          { name: 'memory', scaled: { scalingThreshold: 0.5, saturationThreshold: 0.9 } },
          { name: 'memory', threshold: { value: 0.95 } },
        ],
      },
      { name: 'envoy.overload_actions.shrink_heap', triggers: [{ name: 'memory', threshold: { value: 0.1 } }] },
    ],
  })
  assert.deepEqual(found, [])
  const reader = new StatReader()
  const told: OverloadLevels[] = []
  let wake = (): void => {}
  const stats = new StatStore(definitions => reader.define('main', definitions))
  const manager = new OverloadManager(plan, stats, levels => {
    told.push(levels)
    wake()
  })
  for (const [pressure, level] of [
    [0.6, 0.25],
    [0.9, 1],
    [0.5, 0],
  ] as const) {
    const changed = new Promise<void>(resolve => {
      wake = resolve
    })
    writeFileSync(`${file}.new`, String(pressure))
    renameSync(`${file}.new`, file)
    await changed
    assert.ok(Math.abs(told.at(-1)!.stop_accepting_requests - level) < 1e-9)
    const action = 'overload.envoy.overload_actions.stop_accepting_requests'
    assert.equal(reader.value(`${action}.scale_percent`), level * 100)
    assert.equal(reader.value(`${action}.active`), level === 1 ? 1 : 0)
  }
  manager.stop()
})

test('an action that is on in part is taken that often', () => {
  let drawn = 0
  const state = new OverloadState(() => drawn)
  assert.equal(state.takes('stop_accepting_requests'), false)
  state.levels = { ...state.levels, stop_accepting_requests: 0.25 }
  drawn = 0.2
  assert.equal(state.takes('stop_accepting_requests'), true)
  drawn = 0.3
  assert.equal(state.takes('stop_accepting_requests'), false)
})

test('a limit of connections is one for all listeners', () => {
  const typedConfig = {
    '@type': `${MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig`,
    maxActiveDownstreamConnections: '50000',
  }
  const { plan } = compile({ resourceMonitors: [{ name: 'connections', typedConfig }] })
  assert.deepEqual(plan, { ...NO_OVERLOAD_MANAGER, refreshMs: 1000, maxConnections: 50_000 })
})

test('mistakes are named with their place', () => {
  const trigger = { name: 'memory', threshold: { value: 0.9 } }
  const { found } = compile({
    resourceMonitors: [INJECTED, INJECTED],
    actions: [
      { name: 'envoy.overload_actions.stop_accepting_connections', triggers: [trigger] },
      { name: 'envoy.overload_actions.panic', triggers: [{ ...trigger, name: 'nobody' }] },
      {
        name: 'envoy.overload_actions.disable_http_keepalive',
        triggers: [{ name: 'memory', scaled: { scalingThreshold: 0.9, saturationThreshold: 0.9 } }],
      },
    ],
  })
  const at = 'overload_manager'
  assert.deepEqual(
    found.map(text => text.slice(0, text.indexOf(': '))),
    [
      `${at}.resource_monitors[1].name`,
      `${at}.actions[0].name`,
      `${at}.actions[1].triggers[0].name`,
      `${at}.actions[1].name`,
      `${at}.actions[2].triggers[0].scaled`,
    ],
  )
  assert.match(found[1]!, /cannot be left waiting/)
  assert.match(found[3]!, /no overload action/)
})
