// HOT FILE (docs/hot-path.md): arming and disarming a timer are a few pointer writes; Node timers cost microseconds.
import type { Clock } from './clock.ts'

/** Who is told when a timer fires; `kind` tells the owner's timers apart. */
export interface TimerOwner {
  onTimer(kind: number): void
}

const SLOTS = 512
const MASK = SLOTS - 1

/** One re-armable timer. Create it once with its owner, then arm and disarm it through the wheel. */
export class Timer {
  readonly owner: TimerOwner
  readonly kind: number
  deadlineMs = 0
  armed = false
  next: Timer | null = null
  previous: Timer | null = null
  slot = 0

  constructor(owner: TimerOwner, kind: number) {
    this.owner = owner
    this.kind = kind
  }
}

/** Runs `tick` every `tickMs` while asked to; injected so that tests drive time by hand. */
export interface TickSource {
  start(tickMs: number, tick: () => void): void
  stop(): void
}

/** A TickSource on setInterval that does not keep the process alive. */
export class IntervalTicks implements TickSource {
  private handle: NodeJS.Timeout | undefined

  start(tickMs: number, tick: () => void): void {
    this.handle ??= setInterval(tick, tickMs).unref()
  }

  stop(): void {
    clearInterval(this.handle)
    this.handle = undefined
  }
}

/**
 * A hashed timer wheel with coarse ticks (10 ms by default): a timer fires at the first tick at or after its
 * deadline. Ticks run only while a timer is armed, so an idle thread sleeps.
 */
export class TimerWheel {
  readonly clock: Clock
  private readonly ticks: TickSource
  private readonly tickMs: number
  private readonly slots: (Timer | null)[] = new Array(SLOTS).fill(null)
  private currentTick: number
  private count = 0
  private idleTicks = 0
  private running = false
  private readonly boundTick = (): void => this.tick()

  constructor(clock: Clock, ticks: TickSource = new IntervalTicks(), tickMs = 10) {
    this.clock = clock
    this.ticks = ticks
    this.tickMs = tickMs
    this.currentTick = Math.floor(clock.now / tickMs)
  }

  /** (Re-)arms `timer` to fire `delayMs` from the clock's `now`. */
  arm(timer: Timer, delayMs: number): void {
    if (timer.armed) this.unlink(timer)
    else this.count++
    if (!this.running) this.startTicking()
    const deadlineMs = this.clock.now + delayMs
    timer.deadlineMs = deadlineMs
    timer.armed = true
    let tick = Math.ceil(deadlineMs / this.tickMs)
    if (tick <= this.currentTick) tick = this.currentTick + 1
    const slot = tick & MASK
    timer.slot = slot
    const head = this.slots[slot] as Timer | null
    timer.next = head
    timer.previous = null
    if (head !== null) head.previous = timer
    this.slots[slot] = timer
  }

  disarm(timer: Timer): void {
    if (!timer.armed) return
    this.unlink(timer)
    timer.armed = false
    this.count--
  }

  get armedCount(): number {
    return this.count
  }

  private startTicking(): void {
    this.running = true
    this.idleTicks = 0
    this.currentTick = Math.floor(this.clock.now / this.tickMs)
    this.ticks.start(this.tickMs, this.boundTick)
  }

  private unlink(timer: Timer): void {
    const { next, previous } = timer
    if (previous === null) this.slots[timer.slot] = next
    else previous.next = next
    if (next !== null) next.previous = previous
    timer.next = null
    timer.previous = null
  }

  /** Fires everything due. Timers that belong to a later round of the wheel stay where they are. */
  tick(): void {
    const now = this.clock.update()
    const target = Math.floor(now / this.tickMs)
    // After a long stall every slot is visited once, not once per missed tick.
    let from = this.currentTick + 1
    if (target - from >= SLOTS) from = target - SLOTS + 1
    for (let tick = from; tick <= target; tick++) {
      this.currentTick = tick
      this.fireSlot(tick & MASK, now)
    }
    // The interval outlives short gaps: stopping and starting it for each request would cost more than it saves.
    if (this.count > 0) this.idleTicks = 0
    else if (++this.idleTicks > 200) {
      this.ticks.stop()
      this.running = false
    }
  }

  private fireSlot(slot: number, now: number): void {
    let timer = this.slots[slot] as Timer | null
    // Firing may arm or disarm neighbours, so due timers are taken out one at a time from the front.
    while (timer !== null) {
      if (timer.deadlineMs <= now) {
        this.unlink(timer)
        timer.armed = false
        this.count--
        timer.owner.onTimer(timer.kind)
        timer = this.slots[slot] as Timer | null
      } else timer = this.nextDue(timer, now)
    }
  }

  private nextDue(timer: Timer, now: number): Timer | null {
    let next = timer.next
    while (next !== null && next.deadlineMs > now) next = next.next
    return next
  }
}
