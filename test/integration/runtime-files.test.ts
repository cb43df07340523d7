// A runtime layer on disk: whoever swaps the link above the files changes what running workers do.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const GET = 'GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
const FAULT = {
  name: 'envoy.filters.http.fault',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault',
    abort: { http_status: 503, percentage: { numerator: 0 } },
  },
}
const ROUTER = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
}

test('faults are switched on by files, and off again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runtime-'))
  const values = join(folder, 'v1', 'envoy', 'fault', 'http', 'abort')
  mkdirSync(values, { recursive: true })
  const swap = (): void => {
    symlinkSync(join(folder, 'v1'), join(folder, 'new'))
    renameSync(join(folder, 'new'), join(folder, 'current'))
  }
  swap()
  const origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  const [port] = await freePorts(1)
  const listeners = [httpListener({ port: port!, hcm: { http_filters: [FAULT, ROUTER] } })]
  const disk = { name: 'files', disk_layer: { symlink_root: join(folder, 'current'), subdirectory: 'envoy' } }
  const proxy = await ProxyProcess.start(
    bootstrap(listeners, [staticCluster('origin', origin.port)], { layered_runtime: { layers: [disk] } }),
  )
  try {
    assert.match(await exchange(port!, GET), /^HTTP\/1\.1 200 /)
    writeFileSync(join(values, 'abort_percent'), '100\n')
    writeFileSync(join(values, 'http_status'), '418\n')
    swap()
    await proxy.untilStat('runtime.num_keys', 2)
    assert.match(await exchange(port!, GET), /^HTTP\/1\.1 418 /)
    rmSync(join(values, 'abort_percent'))
    swap()
    await proxy.untilStat('runtime.num_keys', 1)
    assert.match(await exchange(port!, GET), /^HTTP\/1\.1 200 /)
    assert.equal((await proxy.stats('runtime')).get('runtime.load_success'), 3)
  } finally {
    await proxy[Symbol.asyncDispose]()
    await origin.close()
    rmSync(folder, { recursive: true })
  }
})
