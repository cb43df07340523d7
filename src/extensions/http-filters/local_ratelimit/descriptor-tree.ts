// HOT FILE (docs/hot-path.md): configured descriptors without wildcards, found without building a string.
import type { RateLimitDescriptor } from '../../../http/index.ts'

class Node<Value> {
  /** key -> value -> what follows. */
  readonly next = new Map<string, Map<string, Node<Value>>>()
  value: Value | null = null
}

export class DescriptorTree<Value> {
  private readonly root = new Node<Value>()

  /** False: there is one with these entries already. */
  add(keys: readonly string[], values: readonly string[], value: Value): boolean {
    let node = this.root
    for (let i = 0; i < keys.length; i++) {
      let byValue = node.next.get(keys[i]!)
      if (byValue === undefined) node.next.set(keys[i]!, (byValue = new Map()))
      let child = byValue.get(values[i]!)
      if (child === undefined) byValue.set(values[i]!, (child = new Node()))
      node = child
    }
    if (node.value !== null) return false
    node.value = value
    return true
  }

  find({ entries }: RateLimitDescriptor): Value | null {
    let node = this.root
    for (let i = 0; i < entries.length; i++) {
      const { key, value } = entries[i]!
      const child = node.next.get(key)?.get(value)
      if (child === undefined) return null
      node = child
    }
    return node.value
  }
}
