import type { Limit } from '../limiter/limit.ts'
import type { Descriptor } from '../wire/rate-limit-request.ts'
import { type DescriptorNode, findLimit, type LimitMaker } from './descriptor-tree.ts'

/** All domains of one load of the configuration. Nothing in it changes afterwards: a reload makes another. */
export class RateLimitConfig {
  private readonly domains: ReadonlyMap<string, DescriptorNode>
  private readonly maker: LimitMaker

  constructor(domains: ReadonlyMap<string, DescriptorNode>, maker: LimitMaker) {
    this.domains = domains
    this.maker = maker
  }

  get isEmpty(): boolean {
    return this.domains.size === 0
  }

  /** Undefined: there is no such domain. */
  domain(name: string): DescriptorNode | undefined {
    return this.domains.get(name)
  }

  /** Null: no limit applies. */
  limitOf(root: DescriptorNode, domain: string, descriptor: Descriptor): Limit | null {
    return findLimit(root, domain, descriptor, this.maker)
  }

  /** Every limit, for /rlconfig. */
  *limits(): Generator<Limit> {
    const open: DescriptorNode[] = [...this.domains.values()].reverse()
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node.limit !== null) yield node.limit
      open.push(...[...node.children.values()].reverse())
    }
  }
}
