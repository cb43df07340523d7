// Why a request was not answered stands in the debug log, and only there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../../harness/index.ts'
import { ask } from './kit.ts'

/** The causes that a proxy logs for a request whose origin does not listen. */
async function causes(level: string): Promise<readonly unknown[]> {
  const [port, closed] = (await freePorts(2)) as [number, number]
  const settings = bootstrap([httpListener({ port })], [staticCluster('origin', closed)])
  const args = ['--log-format', 'json', '--component-log-level', `router:${level}`]
  await using proxy = await ProxyProcess.start(settings, { args })
  assert.equal((await ask(port, '/')).status, 503)
  await proxy.stop()
  const lines = proxy.log.split('\n').filter(line => line.startsWith('{'))
  return lines
    .map(line => JSON.parse(line))
    .filter(({ component }) => component === 'router')
    .map(({ status, cluster, cause: { elapsedMs, ...cause } }) => {
      assert.ok(elapsedMs >= 0)
      return { status, cluster, ...cause, host: cause.host.replace(String(closed), 'closed') }
    })
}

test('a 503 says its cause in the debug log of the router', async () => {
  const cause = { phase: 'connect', host: '127.0.0.1:closed', errno: 'ECONNREFUSED', attempt: 1 }
  const expected = { status: 503, cluster: 'origin', ...cause, reason: 'remote connection failure' }
  assert.deepEqual(await causes('debug'), [expected])
  assert.deepEqual(await causes('info'), [])
})
