import type { AdmissionControlJson } from '#api/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.ts'
import { durationMs } from '../../../config/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import { RequestWindow } from './request-window.ts'

export const ADMISSION_STATS = statTemplate({ counters: ['rq_rejected', 'rq_success', 'rq_failure'] })

const DEFAULT_WINDOW_MS = 30_000
const DEFAULT_SUCCESS_PERCENT = 95
const DEFAULT_MAX_REJECTION_PERCENT = 80
/** Codes that are the caller's affair: OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT and so on. */
const DEFAULT_GRPC_SUCCESS = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16]
/** Four significant digits, as in Envoy. */
const ACCURACY = 10_000

interface Range {
  readonly start?: number
  readonly end?: number
}

export class AdmissionPlan {
  readonly window: RequestWindow
  stats!: StatBlock
  private readonly json: AdmissionControlJson
  private readonly httpSuccess: readonly Range[]
  private readonly grpcSuccess: ReadonlySet<number>

  constructor(json: AdmissionControlJson) {
    this.json = json
    this.window = new RequestWindow(durationMs(json.samplingWindow, DEFAULT_WINDOW_MS))
    const { httpCriteria, grpcCriteria } = json.successCriteria ?? {}
    this.httpSuccess = httpCriteria?.httpSuccessStatus ?? [{ start: 100, end: 500 }]
    this.grpcSuccess = new Set(grpcCriteria?.grpcSuccessStatus ?? DEFAULT_GRPC_SUCCESS)
  }

  start(thread: ThreadContext, prefix: string): void {
    this.stats = thread.stats.block(`${prefix}admission_control.`, ADMISSION_STATS)
  }

  isEnabled({ runtime }: ThreadContext): boolean {
    const { enabled } = this.json
    return runtime.snapshot.getBoolean(enabled?.runtimeKey ?? '', enabled?.defaultValue ?? true)
  }

  /** Draws whether the next request is refused. */
  rejects(thread: ThreadContext): boolean {
    const { window } = this
    window.advance(thread.clock.now)
    const { snapshot } = thread.runtime
    const { rpsThreshold, srThreshold, aggression, maxRejectionProbability } = this.json
    const leastRps = snapshot.getNumber(rpsThreshold?.runtimeKey ?? '', rpsThreshold?.defaultValue ?? 0)
    if (window.requestsPerSecond < leastRps) return false
    const percent = Number(srThreshold?.defaultValue?.value ?? DEFAULT_SUCCESS_PERCENT)
    const threshold = snapshot.getNumber(srThreshold?.runtimeKey ?? '', percent) / 100
    const excess = (window.requests - window.successes / threshold) / (window.requests + 1)
    if (excess <= 0) return false
    const power = Math.max(snapshot.getNumber(aggression?.runtimeKey ?? '', Number(aggression?.defaultValue ?? 1)), 1)
    const most = Number(maxRejectionProbability?.defaultValue?.value ?? DEFAULT_MAX_REJECTION_PERCENT)
    const cap = snapshot.getNumber(maxRejectionProbability?.runtimeKey ?? '', most) / 100
    const probability = Math.min(excess ** (1 / power), cap)
    return ACCURACY * probability > Math.floor(thread.random() * ACCURACY)
  }

  isHttpSuccess(status: number): boolean {
    return this.httpSuccess.some(({ start = 0, end = 0 }) => status >= start && status < end)
  }

  isGrpcSuccess(status: number | null): boolean {
    return status !== null && this.grpcSuccess.has(status)
  }
}
