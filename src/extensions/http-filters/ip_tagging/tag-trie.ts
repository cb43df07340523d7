// HOT FILE (docs/hot-path.md): the tags of an address in as many steps as the longest prefix has bits.
import type { Cidr, IpGroups } from '../../../net/index.ts'

class Node {
  readonly children: [Node | null, Node | null] = [null, null]
  /** Indices of tags whose range ends here. */
  readonly tags: number[] = []
}

const bitAt = (groups: IpGroups, bit: number): 0 | 1 => ((groups[bit >> 4]! >> (15 - (bit & 15))) & 1) as 0 | 1

/** Ranges of both families; each knows the tag it belongs to by its index. */
export class TagTrie {
  private readonly four = new Node()
  private readonly six = new Node()

  add({ groups, prefixLength }: Cidr, tag: number): void {
    let node = this.rootOf(groups)
    for (let bit = 0; bit < prefixLength; bit++) node = node.children[bitAt(groups, bit)] ??= new Node()
    if (!node.tags.includes(tag)) node.tags.push(tag)
  }

  private rootOf(groups: IpGroups): Node {
    return groups.length === 2 ? this.four : this.six
  }

  /** The tags of every range that holds the address; null: none. */
  find(groups: IpGroups): number[] | null {
    let found: number[] | null = null
    let node: Node | null = this.rootOf(groups)
    for (let bit = 0; node !== null; bit++) {
      for (const tag of node.tags) {
        if (found === null) found = [tag]
        else if (!found.includes(tag)) found.push(tag)
      }
      node = bit < groups.length * 16 ? node.children[bitAt(groups, bit)] : null
    }
    return found
  }
}
