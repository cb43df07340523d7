// HOT FILE (docs/hot-path.md): a Set copies itself into a new table every few additions. The tables it leaves behind are
// old, so what they hold outlives every scavenge: each closed connection stayed until the next full collection, 3.5 kB apiece.

/** What can stand in a MemberList; in one at a time. */
export interface ListMember {
  /** Place in the list; -1 outside. */
  listIndex: number
}

/** Things that come and go, in no order; coming and going allocates nothing. */
export class MemberList<T extends ListMember> {
  private readonly members: (T | null)[] = []
  private count = 0

  get size(): number {
    return this.count
  }

  /** `member` must not stand in a list. */
  add(member: T): void {
    const index = this.count++
    member.listIndex = index
    if (index === this.members.length) this.members.push(member)
    else this.members[index] = member
  }

  /** Nothing happens where it does not stand in the list. */
  delete(member: T): void {
    const index = member.listIndex
    if (index < 0) return
    const last = this.members[--this.count] as T
    this.members[index] = last
    last.listIndex = index
    // The array keeps its room, so that the next one to come finds it.
    this.members[this.count] = null
    member.listIndex = -1
  }

  /** All of them as of now: members may go while the result is gone through. */
  all(): T[] {
    return this.members.slice(0, this.count) as T[]
  }
}
