import { readFileSync } from 'node:fs'
import { NO_OVERLOAD, type OverloadLevels } from '../../net/index.ts'
import { log, type StatBlock, type StatStore, statTemplate } from '../../observability/index.ts'
import type { ActionPlan, MonitorPlan, OverloadPlan, TriggerPlan } from './overload-plan.ts'

const logger = log('main')
const MONITOR = statTemplate({ counters: ['failed_updates', 'skipped_updates'], gauges: ['pressure'], histograms: [] })
const ACTION = statTemplate({ counters: [], gauges: ['active', 'scale_percent'], histograms: [] })

/** Measures at an interval, and says when what is to be done about it has changed. */
export class OverloadManager {
  levels: OverloadLevels = NO_OVERLOAD
  private readonly plan: OverloadPlan
  private readonly onChange: (levels: OverloadLevels) => void
  private readonly monitorStats: ReadonlyMap<string, StatBlock>
  private readonly actionStats: ReadonlyMap<string, StatBlock>
  /** By monitor; one that cannot be read keeps its last value. */
  private readonly pressures = new Map<string, number>()
  private readonly timer: NodeJS.Timeout | undefined

  constructor(plan: OverloadPlan, stats: StatStore, onChange: (levels: OverloadLevels) => void) {
    this.plan = plan
    this.onChange = onChange
    const blocks = (names: readonly { readonly name: string }[], template: typeof MONITOR) =>
      new Map(names.map(({ name }) => [name, stats.block(`overload.${name}.`, template)]))
    this.monitorStats = blocks(plan.monitors, MONITOR)
    this.actionStats = blocks(plan.actions, ACTION)
    if (plan.monitors.length > 0) this.timer = setInterval(() => this.refresh(), plan.refreshMs)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private refresh(): void {
    for (const monitor of this.plan.monitors) this.measure(monitor)
    const levels = { ...NO_OVERLOAD }
    for (const plan of this.plan.actions) {
      const level = this.levelOf(plan)
      if (plan.action !== null) levels[plan.action] = Math.max(levels[plan.action], level)
      const { cells } = this.actionStats.get(plan.name)!
      cells[ACTION.slot('active')] = level >= 1 ? 1 : 0
      cells[ACTION.slot('scale_percent')] = Math.round(level * 100)
    }
    const before = this.levels
    if (Object.entries(levels).every(([action, level]) => before[action as keyof OverloadLevels] === level)) return
    logger.warn('overload actions have changed', { ...levels })
    this.levels = levels
    this.onChange(levels)
  }

  private measure(monitor: MonitorPlan): void {
    const { cells } = this.monitorStats.get(monitor.name)!
    const pressure = pressureOf(monitor)
    if (pressure === null) {
      cells[MONITOR.slot('failed_updates')]! += 1
      return
    }
    this.pressures.set(monitor.name, pressure)
    cells[MONITOR.slot('pressure')] = Math.round(pressure * 100)
  }

  /** The trigger that is furthest on decides. */
  private levelOf({ triggers }: ActionPlan): number {
    return triggers.reduce(
      (most, trigger) => Math.max(most, levelOf(trigger, this.pressures.get(trigger.monitor) ?? 0)),
      0,
    )
  }
}

function levelOf({ from, to }: TriggerPlan, pressure: number): number {
  if (pressure >= to) return 1
  return pressure <= from ? 0 : (pressure - from) / (to - from)
}

/** From 0 to 1 and beyond; null: it cannot be told. */
function pressureOf(monitor: MonitorPlan): number | null {
  // The heaps of all threads and what lies beside them: the whole process is what a limit is about.
  if (monitor.kind === 'fixed_heap') return process.memoryUsage.rss() / monitor.maxBytes
  try {
    const value = Number.parseFloat(readFileSync(monitor.file, 'utf8'))
    return value >= 0 && value <= 1 ? value : null
  } catch {
    return null
  }
}
