import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Clock } from './clock.ts'
import { type TickSource, Timer, TimerWheel } from './timer-wheel.ts'

/** Time that stands until it is moved. */
class ManualTime implements TickSource {
  ms = 1000
  private tick: (() => void) | null = null
  readonly clock = new Clock({ monotonicMs: () => this.ms, wallMs: () => this.ms })

  start(_tickMs: number, tick: () => void): void {
    this.tick = tick
  }
  stop(): void {
    this.tick = null
  }
  get ticking(): boolean {
    return this.tick !== null
  }
  advance(ms: number, step = 10): void {
    for (const end = this.ms + ms; this.ms < end; ) {
      this.ms = Math.min(this.ms + step, end)
      this.tick?.()
    }
  }
}

function setUp(): { time: ManualTime; wheel: TimerWheel; fired: number[]; timer: (id: number) => Timer } {
  const time = new ManualTime()
  const wheel = new TimerWheel(time.clock, time)
  const fired: number[] = []
  const owner = { onTimer: (kind: number) => void fired.push(kind) }
  return { time, wheel, fired, timer: id => new Timer(owner, id) }
}

describe('TimerWheel', () => {
  it('fires once, at the first tick at or after the deadline', () => {
    const { time, wheel, fired, timer } = setUp()
    wheel.arm(timer(1), 25)
    time.advance(20)
    assert.deepEqual(fired, [])
    time.advance(10)
    assert.deepEqual(fired, [1])
    time.advance(10000)
    assert.deepEqual(fired, [1])
  })

  it('keeps timers of later rounds apart from those due now', () => {
    const { time, wheel, fired, timer } = setUp()
    wheel.arm(timer(1), 100)
    wheel.arm(timer(2), 100 + 512 * 10)
    wheel.arm(timer(3), 100 + 2 * 512 * 10)
    time.advance(110)
    assert.deepEqual(fired, [1])
    time.advance(512 * 10)
    assert.deepEqual(fired, [1, 2])
    time.advance(512 * 10)
    assert.deepEqual(fired, [1, 2, 3])
  })

  it('lets a timer be disarmed and armed again, also while it fires', () => {
    const time = new ManualTime()
    const wheel = new TimerWheel(time.clock, time)
    let count = 0
    const timer: Timer = new Timer(
      {
        onTimer: () => {
          if (++count < 3) wheel.arm(timer, 50)
        },
      },
      0,
    )
    const other = new Timer({ onTimer: () => assert.fail('was disarmed') }, 1)
    wheel.arm(timer, 50)
    wheel.arm(other, 50)
    wheel.disarm(other)
    time.advance(1000)
    assert.equal(count, 3)
    assert.equal(wheel.armedCount, 0)
  })

  it('fires everything overdue after a stall longer than the wheel', () => {
    const { time, wheel, fired, timer } = setUp()
    for (let id = 0; id < 100; id++) wheel.arm(timer(id), id * 97)
    time.advance(60000, 60000)
    assert.equal(fired.length, 100)
  })

  it('stops ticking when nothing is armed for a while', () => {
    const { time, wheel, timer } = setUp()
    wheel.arm(timer(1), 10)
    assert.equal(time.ticking, true)
    time.advance(5000)
    assert.equal(time.ticking, false)
    wheel.arm(timer(2), 10)
    assert.equal(time.ticking, true)
  })
})
