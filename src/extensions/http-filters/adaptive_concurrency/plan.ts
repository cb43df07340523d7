import type { AdaptiveConcurrencyJson } from '#api/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.ts'
import { SHARED_CLOCK_OFFSET_MS, Timer } from '../../../base/index.ts'
import { httpStatusCode } from '../../../http/index.ts'
import { hash64, type ThreadContext } from '../../../net/index.ts'
import { ControllerState, STATE_CELLS } from './controller-state.ts'
import { ControllerStats } from './controller-stats.ts'
import { GradientController } from './gradient-controller.ts'
import { GradientSettings } from './settings.ts'

const SERVICE_UNAVAILABLE = 503
const MAX_INT32 = 0x7fff_ffffn

export class AdaptiveConcurrencyPlan {
  readonly status: number
  controller!: GradientController
  private readonly json: AdaptiveConcurrencyJson
  /** Where the configuration stands: names its memory, the same on all workers. */
  private readonly place: string

  constructor(json: AdaptiveConcurrencyJson, place: string) {
    this.json = json
    this.place = place
    const status = httpStatusCode(json.concurrencyLimitExceededStatus, SERVICE_UNAVAILABLE)
    // As Envoy: a status that is no error is not what anybody means.
    this.status = status < 400 ? SERVICE_UNAVAILABLE : status
  }

  start(thread: ThreadContext, statPrefix: string): void {
    const gradient = this.json.gradientControllerConfig ?? {}
    const content = JSON.stringify(gradient)
    const cells = thread.sharedCells.piece(this.place, content, STATE_CELLS)
    this.controller = new GradientController(
      new GradientSettings(gradient, thread.runtime),
      new ControllerState(cells, Number(hash64(content) & MAX_INT32) || 1),
      new ControllerStats(thread, `${statPrefix}adaptive_concurrency.gradient_controller.`),
      thread.connectionCounters.counter(this.place),
      thread.random,
    )
    this.controller.start(thread.clock.now + SHARED_CLOCK_OFFSET_MS)
    // One worker's timer is enough: it is for the time without requests.
    if (thread.workerIndex <= 0) watch(thread, new WeakRef(this.controller))
  }

  isEnabled({ runtime }: ThreadContext): boolean {
    const { enabled } = this.json
    return runtime.snapshot.getBoolean(
      enabled?.runtimeKey ?? '',
      enabled === undefined || enabled.defaultValue === true,
    )
  }
}

/** Does what is due even when no request comes, for as long as the listener with this controller is there. */
function watch(thread: ThreadContext, reference: WeakRef<GradientController>): void {
  const timer = new Timer({ onTimer: () => advance() }, 0)
  const advance = (): void => {
    const nowMs = thread.clock.now + SHARED_CLOCK_OFFSET_MS
    const nextMs = reference.deref()?.advance(nowMs)
    if (nextMs !== undefined) thread.timers.arm(timer, Math.min(Math.max(nextMs - nowMs, 0), LONGEST_WAIT_MS))
  }
  advance()
}

/** Another worker may end the measurement of minRTT meanwhile: what is due next is looked at so often. */
const LONGEST_WAIT_MS = 1000
