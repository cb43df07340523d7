import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Drain, type DrainClock, type DrainTimes } from './drain.ts'
import type { ToWorker } from './messages.ts'

/** Time that moves when told to, with room for promises after each step. */
class ManualClock implements DrainClock {
  now = 0
  private readonly timers = new Set<{ at: number; everyMs: number; action: () => void }>()

  after(ms: number, action: () => void) {
    return this.add({ at: this.now + ms, everyMs: 0, action })
  }

  every(ms: number, action: () => void) {
    return this.add({ at: this.now + ms, everyMs: ms, action })
  }

  private add(timer: { at: number; everyMs: number; action: () => void }) {
    this.timers.add(timer)
    return () => void this.timers.delete(timer)
  }

  async advance(ms: number): Promise<void> {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 50
      for (const timer of [...this.timers]) {
        if (timer.at > this.now || !this.timers.has(timer)) continue
        if (timer.everyMs === 0) this.timers.delete(timer)
        else timer.at += timer.everyMs
        timer.action()
      }
      for (let i = 0; i < 10; i++) await Promise.resolve()
    }
  }
}

function drained(times: Partial<DrainTimes> = {}) {
  const clock = new ManualClock()
  const posted: { atMs: number; message: ToWorker }[] = []
  const idle = Promise.withResolvers<void>()
  const target = {
    connections: 5,
    post: (message: ToWorker) => void posted.push({ atMs: clock.now, message }),
    openConnections: () => target.connections,
    whenIdle: () => idle.promise,
  }
  const drain = new Drain(
    target,
    { delayMs: 2000, delayIsExact: false, totalMs: 4000, strategy: 'gradual', ...times },
    clock,
  )
  const at = (type: ToWorker['type']) => posted.filter(({ message }) => message.type === type).map(({ atMs }) => atMs)
  const shares = () => posted.flatMap(({ message }) => (message.type === 'drain' ? [message.closeProbability] : []))
  return { clock, target, drain, idle, at, shares }
}

test('announces at once, closes listeners after the delay, idle connections later', async () => {
  const { clock, drain, idle, at, shares } = drained()
  let finished = false
  void drain.finish().then(() => {
    finished = true
  })
  assert.deepEqual(shares(), [0.05])
  await clock.advance(1950)
  assert.deepEqual(at('stop_accepting'), [])
  assert.equal(shares().at(-1), 1)
  await clock.advance(100)
  assert.deepEqual(at('stop_accepting'), [2000])
  await clock.advance(1200)
  assert.deepEqual(at('close_idle'), [3000])
  assert.equal(finished, false)
  idle.resolve()
  await clock.advance(50)
  assert.equal(finished, true)
})

test('ends at the deadline whatever is open', async () => {
  const { clock, drain } = drained()
  let finishedAt = 0
  void drain.finish().then(() => {
    finishedAt = clock.now
  })
  await clock.advance(5000)
  assert.equal(finishedAt, 4000)
})

test('the immediate strategy tells everybody at once', () => {
  const { drain, shares } = drained({ strategy: 'immediate' })
  drain.announce()
  assert.deepEqual(shares(), [1])
})

test('a default delay ends when nobody has been connected for a second, an exact one does not', async () => {
  for (const [delayIsExact, expected] of [
    [false, 1500],
    [true, 2000],
  ] as const) {
    const { clock, drain, target, at } = drained({ delayIsExact })
    void drain.finish()
    await clock.advance(500)
    target.connections = 0
    await clock.advance(2000)
    assert.deepEqual(at('stop_accepting'), [expected])
  }
})

test('listeners that are closed already are not waited for', async () => {
  const { clock, drain, at } = drained()
  void drain.closeListeners(false)
  await clock.advance(2500)
  void drain.finish()
  await clock.advance(50)
  // One step of the clock, not another delay.
  assert.deepEqual(at('stop_accepting'), [2000, 2550])
})

test('an announcement can be taken back and made again', async () => {
  const { clock, drain, shares } = drained()
  drain.announce()
  await clock.advance(300)
  drain.cancel()
  assert.equal(shares().at(-1), null)
  await clock.advance(500)
  assert.equal(shares().at(-1), null)
  drain.announce()
  assert.equal(shares().at(-1), 0.05)
})
