import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFile, type LogFileStats } from './log-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'log-file-'))
let files = 0
const newPath = (): string => join(directory, `file${files++}`)

/** Counts what the file tells, and can be waited for. */
class Counts implements LogFileStats {
  readonly counts = { buffered: 0, completed: 0, failed: 0, timer: 0, reopenFailed: 0 }
  private waiting: (() => void)[] = []

  private note(what: keyof Counts['counts']): void {
    this.counts[what] += 1
    for (const wake of this.waiting.splice(0)) wake()
  }
  writeBuffered = (): void => this.note('buffered')
  writeCompleted = (): void => this.note('completed')
  writeFailed = (): void => this.note('failed')
  flushedByTimer = (): void => this.note('timer')
  reopenFailed = (): void => this.note('reopenFailed')

  async until(what: keyof Counts['counts'], count: number): Promise<void> {
    while (this.counts[what] < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.waiting.push(resolve)
      await promise
    }
  }
}

/** Unref'd timers of the file do not keep the test alive. */
async function alive<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}

test('lines wait for 64 KiB or the timer', async () => {
  const [path, counts] = [newPath(), new Counts()]
  const file = new LogFile(path, counts, 20)
  file.append('one\n')
  assert.equal(readFileSync(path, 'latin1'), '')
  await alive(counts.until('completed', 1))
  assert.equal(readFileSync(path, 'latin1'), 'one\n')
  file.append(`${'x'.repeat(65535)}\n`)
  await alive(counts.until('completed', 2))
  assert.deepEqual(counts.counts, { buffered: 2, completed: 2, failed: 0, timer: 1, reopenFailed: 0 })
})

test('bytes go out as they are', () => {
  const path = newPath()
  const file = new LogFile(path, new Counts())
  file.append('\xff\xe9\n')
  file.flushSync()
  assert.deepEqual(readFileSync(path), Buffer.from([0xff, 0xe9, 0x0a]))
})

test('a line appended during a write goes out although the timer has gone off meanwhile', async () => {
  const [path, counts] = [newPath(), new Counts()]
  const file = new LogFile(path, counts, 0)
  for (let i = 0; i < 50; i++) {
    file.append(`${'x'.repeat(65536)}\n`)
    file.append(`short ${i}\n`)
    await alive(counts.until('completed', counts.counts.completed + 1))
  }
  while (!readFileSync(path, 'latin1').endsWith('short 49\n')) {
    await alive(counts.until('completed', counts.counts.completed + 1))
  }
})

test('reopen: lines so far in the file moved away, later ones in the new one', async () => {
  const [path, counts] = [newPath(), new Counts()]
  const file = new LogFile(path, counts)
  for (let i = 0; i < 3; i++) {
    file.append('before\n')
    renameSync(path, `${path}.${i}`)
    file.reopen()
    file.append('between\n')
    await alive(fileExists(path))
    file.flushSync()
  }
  assert.equal(readFileSync(`${path}.0`, 'latin1').split('\n')[0], 'before')
  const all = ['.0', '.1', '.2', ''].map(suffix => readFileSync(path + suffix, 'latin1')).join('')
  assert.equal(all, 'before\nbetween\n'.repeat(3))
})

async function fileExists(path: string): Promise<void> {
  for (;;) {
    try {
      readFileSync(path)
      return
    } catch {
      // Opened on another thread: the next turn of the loop may find it.
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

test('a reopen that fails keeps the old file', async () => {
  const folder = mkdtempSync(join(directory, 'gone-'))
  const counts = new Counts()
  const file = new LogFile(join(folder, 'log'), counts)
  rmSync(folder, { recursive: true })
  file.reopen()
  await alive(counts.until('reopenFailed', 1))
  file.append('kept\n')
  file.flushSync()
  assert.equal(counts.counts.completed, 1)
})

test('a full disk: lines are dropped and counted, memory stays bounded', async () => {
  const counts = new Counts()
  const file = new LogFile('/dev/full', counts)
  file.append('lost\n')
  file.flushSync()
  assert.equal(counts.counts.failed, 1)
  // All in one turn: no write can end in between, so lines beyond 4 MiB are refused.
  const line = `${'x'.repeat(65535)}\n`
  for (let i = 0; i < 80; i++) file.append(line)
  assert.equal(counts.counts.failed, 1 + 80 - 66)
  await alive(counts.until('failed', 17))
})

test('a file that cannot be opened throws', () => {
  assert.throws(() => new LogFile(join(directory, 'none', 'log'), new Counts()), { code: 'ENOENT' })
})

test('finish waits for a write under way and takes what came meanwhile along', async () => {
  const path = newPath()
  const file = new LogFile(path, new Counts(), 60_000)
  const line = `${'x'.repeat(69_999)}\n`
  file.append(line)
  file.append('last\n')
  await file.finish()
  assert.equal(readFileSync(path, 'utf8'), `${line}last\n`)
})

test('lines in many pieces, and more than a buffer while the disk is busy, stay in order', async () => {
  const [path, counts] = [newPath(), new Counts()]
  const file = new LogFile(path, counts)
  const lines = Array.from({ length: 3000 }, (_, i) => `${i} ${'y'.repeat(i % 997)}\n`)
  for (const line of lines) file.append(line)
  await file.finish()
  for (const line of lines) file.append(line)
  await file.finish()
  assert.equal(readFileSync(path, 'latin1'), lines.join('').repeat(2))
  assert.equal(counts.counts.failed, 0)
})
