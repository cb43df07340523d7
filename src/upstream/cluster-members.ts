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
}

export interface MemberCounts {
  readonly total: number
  readonly healthy: number
  readonly degraded: number
  readonly excluded: number
}

export class ClusterMembers {
  private readonly allotment: HostRowAllotment
  private byKey = new Map<string, Member>()

  constructor(allotment: HostRowAllotment) {
    this.allotment = allotment
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
   * Takes over an assignment: hosts that stay keep their rows. Returns those that are new. `retained`: keys of hosts that
   * discovery no longer names.
   */
  update(plan: AssignmentPlan, retained: ReadonlySet<string> = new Set()): readonly Member[] {
    const before = this.byKey
    const after = new Map<string, Member>()
    const fresh: Member[] = []
    const keys = new HostKeys()
    for (const { endpoints } of plan.localities) {
      for (const endpoint of endpoints) {
        const key = keys.next(endpoint)
        let member = before.get(key)
        if (member === undefined) {
          member = this.join(key)
          fresh.push(member)
        }
        const flags = member.row[ROW_HEALTH_FLAGS] as number
        const removal = retained.has(key) ? PendingDynamicRemoval : 0
        Atomics.store(member.row, ROW_HEALTH_FLAGS, (flags & ~DISCOVERED_HEALTH) | endpoint.healthFlags | removal)
        after.set(key, member)
      }
    }
    for (const [key, { rowNumber }] of before) if (!after.has(key)) this.allotment.giveBack(rowNumber)
    this.byKey = after
    return fresh
  }

  private join(key: string): Member {
    const rowNumber = this.allotment.allot()
    return { key, rowNumber, row: this.allotment.rows.row(rowNumber) }
  }

  /** The cluster goes. */
  close(): void {
    for (const { rowNumber } of this.byKey.values()) this.allotment.giveBack(rowNumber)
    this.byKey = new Map()
  }

  /** Sets and clears flags of one host; true when that changes anything. */
  setHealth(key: string, set: number, clear: number): boolean {
    const row = this.byKey.get(key)?.row
    if (row === undefined) return false
    const before = Atomics.load(row, ROW_HEALTH_FLAGS)
    const after = (before & ~clear) | set
    Atomics.store(row, ROW_HEALTH_FLAGS, after)
    return before !== after
  }

  counts(): MemberCounts {
    let healthy = 0
    let degraded = 0
    let excluded = 0
    for (const { row } of this.byKey.values()) {
      const flags = row[ROW_HEALTH_FLAGS] as number
      const health = healthOf(flags)
      if (health === Healthy) healthy++
      else if (health === Degraded) degraded++
      if (isExcluded(flags)) excluded++
    }
    return { total: this.byKey.size, healthy, degraded, excluded }
  }
}
