// A proxy that dies under a test must fail it at once, and say why.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bootstrap, ProxyProcess } from './index.ts'

test('one that was killed: what is asked of it fails, and so does its end', async () => {
  const proxy = await ProxyProcess.start(bootstrap([], []))
  const exited = once(proxy.process, 'exit')
  proxy.process.kill('SIGKILL')
  await exited
  await assert.rejects(proxy.admin('/stats'), /ended with SIGKILL/)
  await assert.rejects(proxy.stats('x'), /ended with SIGKILL/)
  await assert.rejects(proxy.stop(), /ended with SIGKILL/)
})

test('one that does not answer any more is not waited for', { skip: process.platform === 'win32' }, async () => {
  const proxy = await ProxyProcess.start(bootstrap([], []))
  proxy.process.kill('SIGSTOP')
  await assert.rejects(proxy.admin('/stats', { signal: AbortSignal.timeout(200) }), /abort|timeout/i)
  proxy.process.kill('SIGCONT')
  await proxy.stop()
})

test('one that does not start: the test’s process ends, whatever was opened before', async () => {
  const harness = new URL('index.ts', import.meta.url).href
  const script = `const { ScriptedOrigin, answering, ProxyProcess } = await import(${JSON.stringify(harness)})
    await ScriptedOrigin.start(answering(''))
    await ProxyProcess.start({ nonsense: true }).catch(() => console.log('refused'))`
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', script]
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'], timeout: 10_000 })
  let said = ''
  child.stdout.on('data', piece => (said += piece))
  const [code] = await once(child, 'close')
  assert.deepEqual([code, said], [0, 'refused\n'])
})
