// Test kit: a worker's clusters on a clock and randomness that the test holds, and what they choose.
import type { ClusterJson } from '#api/envoy/config/cluster/v3/cluster_pb.ts'
import { Clock, TimerWheel } from '../../base/index.ts'
import { runtimeSnapshot } from '../../config/index.ts'
import type { ThreadContext } from '../../net/index.ts'
import { testThread } from '../../net/testing.ts'
import type { Cluster } from '../cluster.ts'
import { ClusterManager } from '../cluster-manager.ts'
import type { CLUSTER_SLOTS } from '../stats.ts'
import { CLUSTER_SLOTS as C } from '../stats.ts'
import { NO_REPORTS, seededRandom, TestMain, testContext } from '../testing.ts'
import { LoadBalancerContext } from './load-balancer.ts'

const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'

/** A load_balancing_policy with one policy, such as 'random.v3.Random'. */
export function policy(type: string, config: object = {}): object {
  const typedConfig = { '@type': `${POLICIES}.${type}`, ...config }
  return { policies: [{ typedExtensionConfig: { name: 'p', typedConfig } }] }
}

export interface WorkerOptions {
  readonly localClusterName?: string
  /** This proxy's zone. */
  readonly zone?: string
  readonly runtime?: object
}

/** One worker, its clusters, and main as it hears it. */
export class TestWorker {
  readonly thread: ThreadContext
  readonly manager: ClusterManager
  readonly main: TestMain
  nowMs = 0

  constructor(options: WorkerOptions = {}) {
    const clock = new Clock({ monotonicMs: () => this.nowMs, wallMs: () => this.nowMs })
    this.thread = {
      ...testThread(),
      clock,
      timers: new TimerWheel(clock),
      random: seededRandom(11),
      node: options.zone === undefined ? {} : { locality: { zone: options.zone } },
      runtime: { snapshot: runtimeSnapshot([options.runtime ?? {}]) },
    }
    const local = options.localClusterName ?? null
    this.manager = new ClusterManager(this.thread, testContext(), () => undefined, NO_REPORTS, local)
    this.main = new TestMain(update => this.manager.apply(update))
  }

  pass(ms: number): void {
    this.nowMs += ms
    this.thread.clock.update()
  }

  add(json: object): Cluster {
    this.main.addCluster({ connectTimeout: '1s', ...json } as ClusterJson)
    return this.manager.get((json as { name: string }).name) as Cluster
  }

  /** `count` choices, counted by port; 'none' for no host. */
  tally(name: string, count: number, context: LoadBalancerContext | null = null): Record<string, number> {
    const picks: Record<string, number> = {}
    for (let i = 0; i < count; i++) {
      const port = String(this.manager.get(name)?.chooseHost(context)?.address.port ?? 'none')
      picks[port] = (picks[port] ?? 0) + 1
    }
    return picks
  }

  stat(name: string, stat: keyof typeof CLUSTER_SLOTS): number {
    return this.manager.get(name)?.stats.cells[C[stat]] as number
  }
}

/** A context with the wishes that a test gives it. */
export class Wishes extends LoadBalancerContext {
  private readonly wishes: {
    readonly hash?: bigint
    readonly metadataMatch?: object
    readonly headers?: Readonly<Record<string, string>>
    readonly metadata?: Readonly<Record<string, unknown>>
    readonly overrideHost?: string
    readonly strict?: boolean
  }

  constructor(wishes: Wishes['wishes']) {
    super()
    this.wishes = wishes
  }

  override get hash(): bigint | null {
    return this.wishes.hash ?? null
  }
  override get metadataMatch(): object | null {
    return this.wishes.metadataMatch ?? null
  }
  override get overrideHost(): string | null {
    return this.wishes.overrideHost ?? null
  }
  override get overrideHostStrict(): boolean {
    return this.wishes.strict === true
  }
  override header(name: string): string | null {
    return this.wishes.headers?.[name] ?? null
  }
  override metadataValue(namespace: string, path: readonly string[]): unknown {
    return this.wishes.metadata?.[[namespace, ...path].join('.')]
  }
}
