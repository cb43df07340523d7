// Main's record of the hosts of one cluster: which there are, and how each of them is.
import type { AssignmentPlan } from './cluster-plan.ts'
import { Degraded, DISCOVERED_HEALTH, Healthy, healthOf, isExcluded, PendingDynamicRemoval } from './health.ts'
import { HostKeys } from './host.ts'
import { type HostRowAllotment, ROW_HEALTH_FLAGS } from './host-rows.ts'

export interface Member {
  /** From HostKeys. */
  readonly key: string
  readonly rowNumber: number
  /** ROW_* cells, shared with every worker. */
  readonly row: Int32Array
  /** By health flag that is set: since when, in Unix ms. Without any: since when the host is healthy. */
  readonly flaggedMs: Map<number, number>
  healthyMs: number
  priority: number
}

export interface MembershipUpdate {
  readonly fresh: readonly Member[]
  /** How many priorities hosts have joined or left. */
  readonly changedPriorities: number
}

export interface MemberCounts {
  readonly total: number
  readonly healthy: number
  readonly degraded: number
  readonly excluded: number
}

/** What one host adds to the counts, `by` 1 or -1. */
function count(into: { healthy: number; degraded: number; excluded: number }, flags: number, by: 1 | -1): void {
  const health = healthOf(flags)
  if (health === Healthy) into.healthy += by
  else if (health === Degraded) into.degraded += by
  if (isExcluded(flags)) into.excluded += by
}

export class ClusterMembers {
  private readonly allotment: HostRowAllotment
  private readonly wallMs: () => number
  private byKey = new Map<string, Member>()
  private readonly totals = { healthy: 0, degraded: 0, excluded: 0 }

  constructor(allotment: HostRowAllotment, wallMs: () => number = Date.now) {
    this.allotment = allotment
    this.wallMs = wallMs
  }

  /** In the order of the assignment's endpoints. */
  list(): Iterable<Member> {
    return this.byKey.values()
  }

  get(key: string): Member | undefined {
    return this.byKey.get(key)
  }

  keys(): ReadonlySet<string> {
    return new Set(this.byKey.keys())
  }

  /** Row numbers in the order of the assignment's endpoints. */
  rowNumbers(): readonly number[] {
    return Array.from(this.byKey.values(), ({ rowNumber }) => rowNumber)
  }

  /**
   * Takes over an assignment: hosts that stay keep their rows. `retained`: keys of hosts that discovery no longer names.
   */
  update(plan: AssignmentPlan, retained: ReadonlySet<string> = new Set()): MembershipUpdate {
    const before = this.byKey
    const after = new Map<string, Member>()
    const fresh: Member[] = []
    const changed = new Set<number>()
    const keys = new HostKeys()
    for (const { endpoints, priority } of plan.localities) {
      for (const endpoint of endpoints) {
        const key = keys.next(endpoint)
        let member = before.get(key)
        if (member === undefined) {
          member = this.join(key, priority)
          fresh.push(member)
          changed.add(priority)
        } else if (member.priority !== priority) {
          changed.add(member.priority).add(priority)
          member.priority = priority
        }
        const flags = member.row[ROW_HEALTH_FLAGS] as number
        const removal = retained.has(key) ? PendingDynamicRemoval : 0
        this.store(member, flags, (flags & ~DISCOVERED_HEALTH) | endpoint.healthFlags | removal)
        after.set(key, member)
      }
    }
    for (const [key, member] of before) {
      if (after.has(key)) continue
      this.leave(member)
      changed.add(member.priority)
    }
    this.byKey = after
    return { fresh, changedPriorities: changed.size }
  }

  private join(key: string, priority: number): Member {
    const rowNumber = this.allotment.allot()
    const row = this.allotment.rows.row(rowNumber)
    count(this.totals, row[ROW_HEALTH_FLAGS] as number, 1)
    return { key, rowNumber, row, flaggedMs: new Map(), healthyMs: this.wallMs(), priority }
  }

  private leave({ rowNumber, row }: Member): void {
    count(this.totals, row[ROW_HEALTH_FLAGS] as number, -1)
    this.allotment.giveBack(rowNumber)
  }

  private store(member: Member, before: number, after: number): void {
    if (before === after) return
    const { row, flaggedMs } = member
    Atomics.store(row, ROW_HEALTH_FLAGS, after)
    count(this.totals, before, -1)
    count(this.totals, after, 1)
    const now = this.wallMs()
    for (let rest = before ^ after; rest !== 0; rest &= rest - 1) {
      const flag = rest & -rest
      if ((after & flag) !== 0) flaggedMs.set(flag, now)
      else flaggedMs.delete(flag)
    }
    if (after === 0) member.healthyMs = now
  }

  /** The cluster goes. */
  close(): void {
    for (const member of this.byKey.values()) this.leave(member)
    this.byKey = new Map()
  }

  /** Sets and clears flags of one host; true when that changes anything. */
  setHealth(key: string, set: number, clear: number): boolean {
    const member = this.byKey.get(key)
    if (member === undefined) return false
    const before = Atomics.load(member.row, ROW_HEALTH_FLAGS)
    const after = (before & ~clear) | set
    this.store(member, before, after)
    return before !== after
  }

  counts(): MemberCounts {
    return { total: this.byKey.size, ...this.totals }
  }
}
