import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'

const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'outrider')

test('the demo serves through every hop, tells of each, and ends with 0 at Ctrl-C', { timeout: 60_000 }, async () => {
  // Ports of its own, so that a demo which runs on this machine is not met.
  const demo = spawn(process.execPath, [LAUNCHER, 'demo', '--port-offset', '13700', '--rps', '40'])
  let text = ''
  let errors = ''
  demo.stderr.setEncoding('utf8').on('data', piece => {
    errors += piece
  })
  const told = new Promise<void>((resolve, reject) => {
    demo.stdout.setEncoding('utf8').on('data', piece => {
      text += piece
      if (/catalog -> reviews.*\n/.test(text.slice(text.indexOf('req/s')))) resolve()
    })
    demo.once('exit', code => reject(new Error(`exit ${code}: ${text}${errors}`)))
  })
  await told
  const page = await fetch('http://127.0.0.1:23700/item/tea')
  assert.deepEqual(await page.json(), {
    item: 'tea',
    price: 4,
    reviewCount: 2,
    reviews: ['Wakes me up.', 'Too hot.'],
  })
  assert.match(text, /no terminal, so there are no keys to press/)
  const until = async (pattern: RegExp) => {
    while (!pattern.test(text)) await once(demo.stdout, 'data')
  }
  demo.stdin.write('2d')
  await until(/ s {2}catalog-2 +dead +0\.0 % {2}(out|ejected), /)
  demo.stdin.write('h')
  await until(/catalog-2 +none +33\.3 % {2}in use/)
  demo.kill('SIGINT')
  assert.deepEqual(await once(demo, 'exit'), [0, null])
  assert.match(text, /\n\d+ requests, 0 failed\. All ended\.\n$/)
  for (const hop of [
    'client -> edge -> frontend',
    'frontend -> catalog',
    'frontend -> reviews',
    'catalog -> reviews',
  ]) {
    assert.match(
      text,
      new RegExp(`${hop} +\\d+\\.\\d +100\\.0 % +\\d+\\.\\d\\d +\\d+\\.\\d\\d +\\d+\\.\\d\\d\\n`),
      text,
    )
  }
})
