import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  configureLogging,
  currentLogLevels,
  LOG_COMPONENTS,
  log,
  logLevels,
  logWriteFailures,
  reopenLog,
  setLogLevel,
} from './logger.ts'

const directory = mkdtempSync(join(tmpdir(), 'logger-'))
let files = 0

/** Where lines go from here on. */
function newFile(): string {
  const path = join(directory, `log${files++}`)
  configureLogging({ path })
  return path
}

test('the pattern flags', () => {
  const path = newFile()
  configureLogging({ format: '%Y-%m-%d %T.%e|%H:%M:%S %f|%l %L %n|%P %g %#|%v|%%|%q', threadName: 'worker_3' })
  log('upstream').warn('a message', { host: 'x' })
  const line = readFileSync(path, 'utf8')
  assert.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\|\d\d:\d\d:\d\d \d{6}\|/)
  assert.ok(line.endsWith(`|warning W upstream|${process.pid} worker_3 0|a message {"host":"x"}|%|%q\n`), line)
})

test('levels by component, shared cells, unknown component', () => {
  const path = newFile()
  configureLogging({ format: '%v', level: 'warning' })
  const router = log('router')
  router.info('hidden')
  assert.equal(router.enabled('info'), false)
  assert.equal(setLogLevel('trace', 'router'), true)
  router.trace('shown')
  log('http').info('hidden')
  assert.equal(currentLogLevels().get('router'), 'trace')
  assert.equal(currentLogLevels().get('http'), 'warning')
  assert.equal(setLogLevel('off', 'nope'), false)
  assert.ok(logLevels().buffer instanceof SharedArrayBuffer)
  setLogLevel('off')
  for (const component of LOG_COMPONENTS) log(component).critical('hidden')
  assert.equal(readFileSync(path, 'utf8'), 'shown\n')
})

test('JSON lines, and escaped line breaks in text ones', () => {
  const path = newFile()
  configureLogging({ json: true, level: 'info', threadName: 'main' })
  log('main').info('two\nlines', { n: 1 })
  const { time, ...rest } = JSON.parse(readFileSync(path, 'utf8'))
  assert.ok(!Number.isNaN(Date.parse(time)))
  assert.deepEqual(rest, { level: 'info', component: 'main', thread: 'main', message: 'two\nlines', n: 1 })
  configureLogging({ json: false, escape: true, format: '%v' })
  log('main').info('two\nlines')
  assert.equal(readFileSync(path, 'utf8').split('\n')[1], 'two\\nlines')
})

test('a file moved away is followed by a new one', () => {
  const path = newFile()
  configureLogging({ format: '%v', level: 'info' })
  log('main').info('before')
  renameSync(path, `${path}.1`)
  log('main').info('still the old one')
  reopenLog()
  log('main').info('after')
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'before\nstill the old one\n')
  assert.equal(readFileSync(path, 'utf8'), 'after\n')
})

test('a full disk loses lines, not the process', () => {
  configureLogging({ path: '/dev/full', level: 'info' })
  const before = logWriteFailures()
  log('main').info('lost')
  assert.equal(logWriteFailures(), before + 1)
})

test('a file that cannot be opened is an error at once', () => {
  assert.throws(() => configureLogging({ path: join(directory, 'none', 'log') }), { code: 'ENOENT' })
})
