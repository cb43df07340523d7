// Test kit: a thread whose time the test moves, and a cluster's checks that write down what they find out.
import { Clock, type TickSource, TimerWheel } from '../../base/index.ts'
import { connect, type ThreadContext } from '../../net/index.ts'
import { testThread } from '../../net/testing.ts'
import { compileForTest } from '../testing.ts'
import { ClusterHealth } from './cluster-health.ts'

/** Time that stands still until `advance`. */
export class TestTime {
  ms = 1000
  private tick: (() => void) | null = null
  readonly clock: Clock
  readonly timers: TimerWheel

  constructor() {
    this.clock = new Clock({ monotonicMs: () => this.ms, wallMs: () => Date.UTC(2026, 0, 1) + this.ms })
    const ticks: TickSource = {
      start: (_ms, tick) => {
        this.tick = tick
      },
      stop: () => {
        this.tick = null
      },
    }
    this.timers = new TimerWheel(this.clock, ticks, 1)
  }

  /** Moves time, millisecond by millisecond. */
  advance(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.ms++
      this.tick?.()
    }
  }

  thread(overrides: Partial<ThreadContext> = {}): ThreadContext {
    return { ...testThread(), clock: this.clock, timers: this.timers, random: () => 0, ...overrides }
  }
}

export interface WatchedCluster {
  readonly health: ClusterHealth
  readonly thread: ThreadContext
  /** Flags by host key. */
  readonly flags: Map<string, number>
  readonly rounds: number
  /** Resolves at the next answer. */
  nextAnswer(): Promise<void>
  update(localities: readonly object[]): void
  traffic: boolean
}

/** `json`: a cluster with health checks, its hosts in load_assignment. Nothing is asked before `update`. */
export function watchedCluster(json: object, thread: ThreadContext = new TestTime().thread()): WatchedCluster {
  const { plan, problems } = compileForTest(json)
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const flags = new Map<string, number>()
  let answered = Promise.withResolvers<void>()
  const watched = { rounds: 0, traffic: true }
  const set = (key: string, on: number, off: number) => flags.set(key, ((flags.get(key) ?? 0) & ~off) | on)
  const health = new ClusterHealth(
    plan.healthChecks,
    {
      thread,
      clusterName: plan.name,
      statPrefix: `cluster.${plan.name}.`,
      connect: address => connect(thread, address),
      hasTraffic: () => watched.traffic,
      setInitialHealth: (key, on) => void set(key, on, 0),
      setHealth: (key, on, off) => void set(key, on, off),
      onChecked: () => {
        const { resolve } = answered
        answered = Promise.withResolvers()
        resolve()
      },
      onFirstRound: () => {
        watched.rounds++
      },
    },
    { ignoreNewHosts: plan.ignoreNewHostsUntilFirstHc },
  )
  return Object.assign(watched, {
    health,
    thread,
    flags,
    nextAnswer: () => answered.promise,
    update: (endpoints: readonly object[]) => {
      const next = compileForTest({ ...json, loadAssignment: { clusterName: 'c', endpoints } } as object)
      health.update(next.plan.assignment)
    },
  })
}
