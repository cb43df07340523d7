import type { ToWorker } from './messages.ts'

/** How often gradual draining raises its share. */
const STEP_MS = 100
/** Without any connection for so long, nobody is left who could be told. */
const QUIET_MS = 1000
/** Idle connections live on this long after the listeners have closed: their clients may just be sending. */
const IDLE_GRACE_MS = 2000

export interface DrainTimes {
  /** From the announcement to the closing of the listeners. */
  readonly delayMs: number
  /** The operator has set the delay: it is kept even when nobody is connected. */
  readonly delayIsExact: boolean
  /** All of it, at most. */
  readonly totalMs: number
  readonly strategy: 'gradual' | 'immediate'
}

export interface DrainTarget {
  post(message: ToWorker): void
  /** Open downstream connections of all workers. */
  openConnections(): number
  /** Resolves when nothing is listened on and the last connection has gone. */
  whenIdle(): Promise<void>
}

/** Timers, so that tests need not wait. */
export interface DrainClock {
  after(ms: number, action: () => void): () => void
  every(ms: number, action: () => void): () => void
}

export const systemDrainClock: DrainClock = {
  after: (ms, action) => {
    const timer = setTimeout(action, ms)
    return () => clearTimeout(timer)
  },
  every: (ms, action) => {
    const timer = setInterval(action, ms)
    return () => clearInterval(timer)
  },
}

/**
 * Ending without losing a request: announce first, close last. Responses say `connection: close`, to a growing share of
 * clients (gradual) or to all; after the delay the listeners close, so that whoever was told has reconnected elsewhere;
 * connections that stay idle are closed late, and at the deadline all that is left is.
 */
export class Drain {
  private readonly target: DrainTarget
  private readonly times: DrainTimes
  private readonly clock: DrainClock
  private stopStepping: (() => void) | null = null
  private listenersClosed = false

  constructor(target: DrainTarget, times: DrainTimes, clock: DrainClock = systemDrainClock) {
    this.target = target
    this.times = times
    this.clock = clock
  }

  /** Begins to send clients elsewhere; listeners stay open. */
  announce(): void {
    const { strategy, delayMs } = this.times
    if (this.stopStepping !== null) return
    const steps = Math.floor(delayMs / STEP_MS)
    let step = 0
    const raise = () => {
      step++
      const share = strategy === 'immediate' || steps === 0 ? 1 : Math.min(1, step / steps)
      this.target.post({ type: 'drain', closeProbability: share })
      if (share >= 1) this.stopStepping?.()
    }
    this.stopStepping = this.clock.every(STEP_MS, raise)
    raise()
  }

  /** Takes the announcement back. */
  cancel(): void {
    this.stopStepping?.()
    this.stopStepping = null
    this.target.post({ type: 'drain', closeProbability: null })
  }

  /** Announces, and after the delay closes the listeners, or only those of inbound traffic. */
  async closeListeners(inboundOnly: boolean): Promise<void> {
    this.announce()
    await this.delay()
    this.listenersClosed ||= !inboundOnly
    this.target.post({ type: 'stop_accepting', inboundOnly })
  }

  /** Ends with the delay, or earlier once nobody has been connected for a while. */
  private delay(): Promise<void> {
    const { delayMs, delayIsExact } = this.times
    if (this.listenersClosed) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const stopWaiting = this.clock.after(delayMs, resolve)
    let quietMs = 0
    const stopLooking = this.clock.every(STEP_MS, () => {
      quietMs = this.target.openConnections() === 0 ? quietMs + STEP_MS : 0
      if (quietMs >= QUIET_MS && !delayIsExact) resolve()
    })
    return promise.then(() => {
      stopWaiting()
      stopLooking()
    })
  }

  /** The whole way; resolves when the last connection has gone, at the deadline at the latest. */
  async finish(): Promise<void> {
    const { delayMs, totalMs } = this.times
    const deadline = Promise.withResolvers<void>()
    const stopWaiting = this.clock.after(totalMs, deadline.resolve)
    await Promise.race([this.closeListeners(false), deadline.promise])
    const grace = Math.min(IDLE_GRACE_MS, Math.max(0, totalMs - delayMs) / 2)
    let stopClosing: (() => void) | null = null
    const stopGrace = this.clock.after(grace, () => {
      const closeIdle = () => this.target.post({ type: 'close_idle' })
      closeIdle()
      stopClosing = this.clock.every(STEP_MS * 5, closeIdle)
    })
    await Promise.race([this.target.whenIdle(), deadline.promise])
    stopWaiting()
    stopGrace()
    ;(stopClosing as (() => void) | null)?.()
    this.stopStepping?.()
  }
}
