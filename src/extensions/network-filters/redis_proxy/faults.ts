import type { ThreadContext } from '../../../net/index.ts'
import type { FaultPlan } from './redis-proxy-plan.ts'

/** Which fault, if any, befalls a command: one draw decides among all that may. */
export class Faults {
  private readonly plans: readonly FaultPlan[]
  private readonly thread: ThreadContext
  private readonly byCommand = new Map<string, readonly FaultPlan[]>()

  constructor(plans: readonly FaultPlan[], thread: ThreadContext) {
    this.plans = plans
    this.thread = thread
  }

  of(command: string): FaultPlan | null {
    const { thread } = this
    let drawn = Math.floor(thread.random() * 100)
    for (const plan of this.plansOf(command)) {
      const percent =
        plan.runtimeKey === '' ? plan.percent : thread.runtime.snapshot.getNumber(plan.runtimeKey, plan.percent)
      if (drawn < percent) return plan
      drawn -= percent
    }
    return null
  }

  /** Those of the command come before those of all. */
  private plansOf(command: string): readonly FaultPlan[] {
    let plans = this.byCommand.get(command)
    if (plans === undefined) {
      plans = [
        ...this.plans.filter(({ commands }) => commands.includes(command)),
        ...this.plans.filter(({ commands }) => commands.length === 0),
      ]
      this.byCommand.set(command, plans)
    }
    return plans
  }
}
