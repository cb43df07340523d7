import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ConfigPath, Diagnostics, runtimeSnapshot } from '../../config/index.ts'
import { StatStore } from '../../observability/index.ts'
import { compileContext } from '../compile-context.ts'
import { extensionRegistry } from '../extensions.ts'
import { SecretEntry } from './secret-entry.ts'
import { SecretHub } from './secret-hub.ts'
import type { ResourceSecrets } from './secret-uses.ts'
import { WorkerSecrets } from './worker-secrets.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function hubWith() {
  const hub = new SecretHub([])
  const worker = new WorkerSecrets([], hub.seed)
  const forgotten: string[] = []
  hub.start(new StatStore(), {
    onChanged: () => {},
    onForgotten: keys => {
      forgotten.push(...keys)
      worker.forget(keys)
    },
    onStatsLeft: () => {},
  })
  const context = compileContext({
    secrets: hub,
    extensions: extensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    clusters: { has: () => false, names: () => [] },
    localClusterName: null,
    diagnostics: new Diagnostics(),
  })
  /** Asks for a secret of these bytes. */
  const ask = (secrets: ResourceSecrets | SecretHub, bytes: string) =>
    secrets.find(
      { kind: 'genericSecret', secret: { genericSecret: { secret: { inlineString: bytes } } } },
      () => true,
      context,
      ConfigPath.root,
    )
  const version = (resource: string, ...all: string[]): ResourceSecrets => {
    const secrets = hub.forResource(resource)
    for (const bytes of all) ask(secrets, bytes)
    for (const update of hub.takeFresh()) worker.apply(update)
    return secrets
  }
  const known = () => hub.snapshot().map(({ secret }) => secret.genericSecret?.secret?.inlineString)
  return { hub, worker, forgotten, ask, version, known }
}

test('secrets of versions before the last but one are forgotten, here and by workers', () => {
  const { version, known, forgotten } = hubWith()
  for (let i = 0; i < 100; i++) version('cluster a', `secret ${i}`, 'the same').keep()
  assert.deepEqual(known().sort(), ['secret 98', 'secret 99', 'the same'])
  assert.equal(forgotten.length, 98)
})

test('a secret stays while any resource uses it, and what the bootstrap uses stays for good', () => {
  const { hub, ask, version, known } = hubWith()
  ask(hub, 'static')
  version('cluster a', 'shared', 'static').keep()
  version('listener b', 'shared').keep()
  hub.release('cluster a')
  assert.deepEqual(known(), ['static', 'shared'])
  hub.release('listener b')
  assert.deepEqual(known(), ['static'])
})

test('what is refused leaves nothing, and takes nothing from what is in force', () => {
  const { version, known } = hubWith()
  version('cluster a', 'good').keep()
  version('cluster a', 'good', 'bad').drop()
  assert.deepEqual(known(), ['good'])
})

test('a resource without secrets is not remembered, and lets go of those it had', () => {
  const { version, known, forgotten } = hubWith()
  version('cluster a', 'one').keep()
  version('cluster a').keep()
  version('cluster a').keep()
  assert.deepEqual([known(), forgotten.length], [[], 1])
})

test('users of a secret that are gone are not kept count of', async () => {
  const entry = new SecretEntry('', false, {})
  const alive = { onSecretChange: () => {} }
  entry.addUser(alive)
  for (let i = 0; i < 1000; i++) {
    entry.addUser({ onSecretChange: () => {} })
    // A weak reference that was made in this turn holds until its end.
    if (i % 10 === 0) await new Promise(resolve => setImmediate(resolve))
    if (i % 100 === 0) collect()
  }
  assert.ok(entry.userCount < 500, `${entry.userCount} users`)
})
