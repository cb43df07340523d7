import type { GradientControllerConfigJson } from '#api/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.ts'
import { type CompileContext, type ConfigPath, durationMs, type RuntimeSnapshot } from '../../../config/index.ts'

const KEYS = 'adaptive_concurrency.gradient_controller.'
const DEFAULT_MAX_LIMIT = 1000
const DEFAULT_REQUEST_COUNT = 50
const DEFAULT_MIN_CONCURRENCY = 3
const DEFAULT_JITTER_PERCENT = 15
const DEFAULT_BUFFER_PERCENT = 25
const DEFAULT_SAMPLE_PERCENTILE = 50

/** Figures of the gradient controller; runtime may say otherwise at any time. */
export class GradientSettings {
  /** 0: minRTT is measured. */
  readonly fixedMinRttMs: number
  private readonly json: GradientControllerConfigJson
  private readonly runtime: { readonly snapshot: RuntimeSnapshot }

  constructor(json: GradientControllerConfigJson, runtime: { readonly snapshot: RuntimeSnapshot }) {
    this.json = json
    this.runtime = runtime
    this.fixedMinRttMs = durationMs(json.minRttCalcParams?.fixedValue, 0)
  }

  get minRttIntervalMs(): number {
    return this.number('min_rtt_calc_interval_ms', durationMs(this.json.minRttCalcParams?.interval, 0))
  }

  get updateIntervalMs(): number {
    const configured = durationMs(this.json.concurrencyLimitParams?.concurrencyUpdateInterval, 0)
    return this.number('sample_rtt_calc_interval_ms', configured)
  }

  get maxLimit(): number {
    return this.number(
      'max_concurrency_limit',
      this.json.concurrencyLimitParams?.maxConcurrencyLimit ?? DEFAULT_MAX_LIMIT,
    )
  }

  /** Below it no calculation takes the limit. */
  get minLimit(): number {
    return this.number(
      'min_concurrency_limit',
      this.json.concurrencyLimitParams?.minConcurrencyLimit ?? this.minConcurrency,
    )
  }

  /** The limit while minRTT is measured. */
  get minConcurrency(): number {
    return this.number('min_concurrency', this.json.minRttCalcParams?.minConcurrency ?? DEFAULT_MIN_CONCURRENCY)
  }

  /** Requests that a measurement of minRTT takes. */
  get requestCount(): number {
    const configured = this.json.minRttCalcParams?.requestCount ?? DEFAULT_REQUEST_COUNT
    return this.number('min_rtt_aggregate_request_count', configured)
  }

  get jitter(): number {
    return this.share('jitter', this.json.minRttCalcParams?.jitter?.value ?? DEFAULT_JITTER_PERCENT)
  }

  get buffer(): number {
    return this.share('min_rtt_buffer', this.json.minRttCalcParams?.buffer?.value ?? DEFAULT_BUFFER_PERCENT)
  }

  get sampleQuantile(): number {
    const configured = this.json.sampleAggregatePercentile?.value ?? DEFAULT_SAMPLE_PERCENTILE
    return this.share('sample_aggregate_percentile', configured)
  }

  private number(key: string, configured: number): number {
    return this.runtime.snapshot.getNumber(KEYS + key, configured)
  }

  /** Of a percentage, in [0, 1]. */
  private share(key: string, percent: number | string): number {
    return Math.min(Math.max(this.number(key, Number(percent)), 0), 100) / 100
  }
}

export function checkGradient(
  { minRttCalcParams: params = {} }: GradientControllerConfigJson,
  context: CompileContext,
  path: ConfigPath,
): void {
  if (params.interval !== undefined || params.fixedValue !== undefined) return
  context.diagnostics.error(path.field('min_rtt_calc_params'), 'minRTT is neither measured nor given', {
    expected: 'interval or fixed_value',
  })
}
