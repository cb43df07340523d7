// HOT FILE (docs/hot-path.md): round robin by the weights that hosts report of themselves.
import type { ThreadContext } from '../../net/index.ts'
import type { ClientSideWeightsPlan } from '../balancer-plan.ts'
import type { Host } from '../host.ts'
import { ROW_CLIENT_WEIGHT, ROW_CLIENT_WEIGHT_AT, ROW_CLIENT_WEIGHT_SINCE, sharedMs } from '../host-rows.ts'
import { type HostPicker, NO_HOST } from './load-balancer.ts'
import type { OrcaReport } from './orca-report.ts'
import { rotation } from './round-robin.ts'
import type { SlowStart } from './slow-start.ts'

const MAX_WEIGHT = 0x7fff_ffff

/** Requests per second by utilization: what a host could do if it were fully used. 0: the report says nothing. */
export function weightOfReport(report: OrcaReport, plan: ClientSideWeightsPlan): number {
  const { rps } = report
  if (!(rps > 0)) return 0
  let utilization = report.applicationUtilization
  for (const name of utilization > 0 ? [] : plan.metricNames) {
    utilization = Math.max(utilization, report.metric(name))
  }
  if (!(utilization > 0)) utilization = report.cpuUtilization
  utilization += (plan.errorUtilizationPenalty * report.eps) / rps
  return utilization > 0 ? Math.min(Math.floor(rps / utilization), MAX_WEIGHT) : 0
}

/** Takes over a host's report, for all workers. */
export function noteReport(host: Host, report: OrcaReport, plan: ClientSideWeightsPlan): void {
  const weight = weightOfReport(report, plan)
  if (weight === 0) return
  const { row } = host
  const now = sharedMs()
  if (row[ROW_CLIENT_WEIGHT] === 0) row[ROW_CLIENT_WEIGHT_SINCE] = now
  row[ROW_CLIENT_WEIGHT_AT] = now
  row[ROW_CLIENT_WEIGHT] = weight
}

/** The weight of a host; 0 while its reports are too few or too old. */
function reportedWeight({ row }: Host, plan: ClientSideWeightsPlan, now: number): number {
  const weight = row[ROW_CLIENT_WEIGHT] as number
  if (weight === 0) return 0
  if (((now - (row[ROW_CLIENT_WEIGHT_AT] as number)) | 0) > plan.weightExpirationPeriodMs) {
    // Whoever reports again is new.
    row[ROW_CLIENT_WEIGHT] = 0
    return 0
  }
  return ((now - (row[ROW_CLIENT_WEIGHT_SINCE] as number)) | 0) < plan.blackoutPeriodMs ? 0 : weight
}

/** Hosts without a weight of their own get the median of the others. */
export function reportedWeights(hosts: readonly Host[], plan: ClientSideWeightsPlan): number[] {
  const now = sharedMs()
  const weights = hosts.map(host => reportedWeight(host, plan, now))
  const known = weights.filter(weight => weight > 0).sort((a, b) => a - b)
  const median = known[known.length >> 1] ?? 1
  return weights.map(weight => (weight === 0 ? median : weight))
}

class ReportedRotation implements HostPicker {
  private readonly hosts: readonly Host[]
  private readonly plan: ClientSideWeightsPlan
  private readonly thread: ThreadContext
  private readonly slowStart: SlowStart | null
  private weights: readonly number[]
  private picker: HostPicker
  private updateAtMs: number

  constructor(hosts: readonly Host[], plan: ClientSideWeightsPlan, thread: ThreadContext, slowStart: SlowStart | null) {
    this.hosts = hosts
    this.plan = plan
    this.thread = thread
    this.slowStart = slowStart
    this.weights = reportedWeights(hosts, plan)
    this.picker = rotation(hosts, this.weights, thread.random, slowStart)
    this.updateAtMs = thread.clock.now + plan.weightUpdatePeriodMs
  }

  pick(): Host | null {
    if (this.thread.clock.now >= this.updateAtMs) this.update()
    return this.picker.pick()
  }

  /** In the middle of a pick, so that a cluster without traffic costs nothing. */
  private update(): void {
    this.updateAtMs = this.thread.clock.now + this.plan.weightUpdatePeriodMs
    const weights = reportedWeights(this.hosts, this.plan)
    if (weights.every((weight, index) => weight === this.weights[index])) return
    this.weights = weights
    this.picker = rotation(this.hosts, weights, this.thread.random, this.slowStart)
  }
}

export function clientSideWeights(
  hosts: readonly Host[],
  plan: ClientSideWeightsPlan,
  thread: ThreadContext,
  slowStart: SlowStart | null,
): HostPicker {
  return hosts.length === 0 ? NO_HOST : new ReportedRotation(hosts, plan, thread, slowStart)
}
