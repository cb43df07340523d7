// Access logs on a disk that is full, or that are moved away (F11): traffic goes on, lines that are lost are counted.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, parseResponses, RawClient } from '../harness/index.ts'

const FILE_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'
const DISK_BYTES = 64 * 1024
const FLUSH = ['--file-flush-interval-msec', '20']

const folder = mkdtempSync(join(tmpdir(), 'access-log-'))
after(() => {
  if (disk !== null) spawnSync('umount', ['-l', disk])
  rmSync(folder, { recursive: true })
})

async function start(log: string, concurrency: number) {
  const [port] = (await freePorts(1)) as [number]
  const file = { '@type': FILE_LOG, path: log, log_format: { text_format_source: { inline_string: '%REQ(:PATH)%\n' } } }
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }]
  const hcm = { access_log: [{ name: 'file', typed_config: file }] }
  const proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes, hcm })], []), {
    concurrency,
    args: FLUSH,
  })
  return { port, proxy }
}

/** So many requests over one connection; each must be answered. */
async function ask(port: number, paths: readonly string[]): Promise<void> {
  using client = await RawClient.connect(port)
  client.send(paths.map(path => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''))
  const complete = (text: string): boolean => parseResponses(text).length === paths.length
  assert.ok(parseResponses(await client.until(complete)).every(({ status }) => status === 200))
}

const paths = (what: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `/${what}${i}`)

/** Waits until the file has all lines. */
async function holds(file: string, lines: readonly string[]): Promise<void> {
  const deadline = Date.now() + 5000
  for (;;) {
    const text = readFileSync(file, 'latin1')
    const missing = lines.filter(line => !text.includes(`${line}\n`))
    if (missing.length === 0) return
    assert.ok(Date.now() < deadline, `${missing.length} lines are missing, such as ${missing[0]}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

const failed = async (proxy: ProxyProcess): Promise<number> =>
  (await proxy.stats('filesystem.write_failed')).get('filesystem.write_failed') ?? 0

test('a device that is always full', { skip: process.platform !== 'linux' }, async () => {
  const { port, proxy } = await start('/dev/full', 2)
  await using _ = proxy
  const deadline = Date.now() + 5000
  for (let seen = 0; seen < 3; ) {
    await ask(port, paths('lost', 20))
    const now = await failed(proxy)
    assert.ok(Date.now() < deadline, `${now} writes have failed`)
    seen = now
  }
  assert.equal((await proxy.stats('write_completed')).get('filesystem.write_completed'), 0)
})

/** Mounts a disk of 64 KiB, where that is allowed. */
function smallDisk(): string | null {
  if (process.platform !== 'linux') return null
  const at = mkdtempSync(join(folder, 'disk-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', at]).status !== 0) return null
  return at
}
const disk = smallDisk()

test('a disk that fills up, and has room again', { skip: disk === null && 'no disk may be mounted here' }, async () => {
  const log = join(disk!, 'access.log')
  const { port, proxy } = await start(log, 1)
  await using _ = proxy
  await ask(port, paths('before', 20))
  await holds(log, paths('before', 20))
  const ballast = join(disk!, 'ballast')
  assert.throws(() => writeFileSync(ballast, Buffer.alloc(2 * DISK_BYTES)), { code: 'ENOSPC' })
  const text = readFileSync(log, 'latin1').length
  // Until the page that the file has begun is full, too.
  for (let i = 0; (await failed(proxy)) === 0; i++) await ask(port, paths(`during${i}-${'x'.repeat(100)}`, 50))
  assert.ok(readFileSync(log, 'latin1').length < text + DISK_BYTES)
  rmSync(ballast)
  await ask(port, paths('after', 20))
  await holds(log, paths('after', 20))
})

test('SIGUSR1 under load: no line is lost, and later ones go to the new file', async () => {
  const log = join(folder, 'moved.log')
  const { port, proxy } = await start(log, 2)
  await using _ = proxy
  await ask(port, paths('first', 50))
  const during = Promise.all(Array.from({ length: 8 }, (_, i) => ask(port, paths(`c${i}-`, 500))))
  renameSync(log, `${log}.1`)
  proxy.process.kill('SIGUSR1')
  await during
  const deadline = Date.now() + 5000
  // Each worker opens the file in its own time.
  for (let i = 0; ; i++) {
    await ask(port, [`/last${i}`])
    const text = readFileSync(log, { encoding: 'latin1', flag: 'a+' })
    if (text.includes('/last')) break
    assert.ok(Date.now() < deadline)
  }
  const all = () => readFileSync(`${log}.1`, 'latin1') + readFileSync(log, 'latin1')
  const wanted = [...paths('first', 50), ...Array.from({ length: 8 }, (_, i) => paths(`c${i}-`, 500)).flat()]
  for (;;) {
    const lines = all().split('\n')
    const seen = new Set(lines)
    if (wanted.every(line => seen.has(line))) {
      assert.equal(lines.filter(line => line.startsWith('/c')).length, 8 * 500)
      return
    }
    assert.ok(Date.now() < deadline, 'lines are missing')
    await new Promise(resolve => setImmediate(resolve))
  }
})
