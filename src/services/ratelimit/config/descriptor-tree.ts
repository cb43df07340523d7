// HOT FILE (docs/hot-path.md): finds the limit of a descriptor. What a request does not need is not computed.
import { Limit, type LimitFacts } from '../limiter/limit.ts'
import type { LimitStats } from '../limiter/limit-stats.ts'
import type { Descriptor } from '../wire/rate-limit-request.ts'
import { compositeKey, type DescriptorConfig } from './domain-config.ts'
import { Wildcard } from './wildcard.ts'

/** One level of a domain's tree, by composite key. */
export class DescriptorNode {
  readonly children = new Map<string, DescriptorNode>()
  readonly wildcards: Wildcard[] = []
  readonly limit: Limit | null
  readonly valueToMetric: boolean
  /** The value's pattern where all that it matches share one counter; null: each value has its own. */
  readonly sharedPattern: string | null
  /** The configured value; '' where any will do. */
  readonly value: string

  constructor(
    limit: Limit | null,
    config: Pick<DescriptorConfig, 'value' | 'valueToMetric' | 'shareThreshold'> | null,
  ) {
    this.limit = limit
    this.value = config?.value ?? ''
    this.valueToMetric = config?.valueToMetric === true
    this.sharedPattern = config?.shareThreshold === true ? this.value : null
  }
}

/** Makes the limits of a tree. */
export interface LimitMaker {
  readonly stats: LimitStats
  readonly nearLimitRatio: number
}

/** Adds descriptors below `node`; returns the composite keys that stand there already. */
export function addDescriptors(
  node: DescriptorNode,
  parentKey: string,
  descriptors: readonly DescriptorConfig[],
  maker: LimitMaker,
): readonly string[] {
  const duplicates: string[] = []
  for (const config of descriptors) {
    const key = compositeKey(config.key, config.value)
    const fullKey = `${parentKey}.${key}`
    if (node.children.has(key)) {
      duplicates.push(fullKey)
      continue
    }
    const facts = factsOf(config, fullKey)
    const limit = facts === null ? null : new Limit(facts, maker.stats.configured(fullKey), maker.nearLimitRatio)
    const child = new DescriptorNode(limit, config)
    node.children.set(key, child)
    if (key.includes('*')) node.wildcards.push(new Wildcard(key))
    duplicates.push(...addDescriptors(child, fullKey, config.descriptors, maker))
  }
  return duplicates
}

function factsOf(config: DescriptorConfig, fullKey: string): LimitFacts | null {
  const { rateLimit, shadowMode, quotaMode, detailedMetric } = config
  return rateLimit === null ? null : { ...rateLimit, fullKey, unitMultiplier: 1, shadowMode, quotaMode, detailedMetric }
}

/** The nodes that the entries of the descriptor before met, so that only limits which need them look again. */
const met: DescriptorNode[] = []

/** The limit that a descriptor comes under: its entries must lead to a node at exactly their depth. */
export function findLimit(
  root: DescriptorNode,
  domain: string,
  descriptor: Descriptor,
  maker: LimitMaker,
): Limit | null {
  const { entries } = descriptor
  let node = root
  let special = false
  for (let i = 0; i < entries.length; i++) {
    const next = step(node, entries[i]!.key, entries[i]!.value)
    if (next === null) return null
    node = met[i] = next
    if (next.valueToMetric || next.sharedPattern !== null) special = true
  }
  const { limit } = node
  if (limit === null || (!special && !limit.facts.detailedMetric)) return limit
  return specialLimit(limit, domain, descriptor, maker)
}

function step(node: DescriptorNode, key: string, value: string): DescriptorNode | null {
  const { children, wildcards } = node
  const composite = `${key}_${value}`
  const exact = children.get(composite)
  if (exact !== undefined) return exact
  for (let i = 0; i < wildcards.length; i++) {
    const wildcard = wildcards[i]!
    if (wildcard.matches(composite)) return children.get(wildcard.pattern)!
  }
  return children.get(key) ?? null
}

/** A limit whose stats or counter are named by what the request brought. */
function specialLimit(limit: Limit, domain: string, { entries }: Descriptor, maker: LimitMaker): Limit {
  const { detailedMetric } = limit.facts
  let name = domain
  let shared: (string | null)[] | null = null
  for (let i = 0; i < entries.length; i++) {
    const { key, value } = entries[i]!
    const { sharedPattern, valueToMetric, value: configured } = met[i]!
    if (sharedPattern !== null) {
      shared ??= new Array<string | null>(entries.length).fill(null)
      shared[i] = sharedPattern
    }
    name += `.${compositeKey(key, sharedPattern ?? (detailedMetric || valueToMetric ? value : configured))}`
  }
  const { stats, nearLimitRatio } = maker
  const block = name === limit.facts.fullKey ? limit.stats : stats.ofRequest(name)
  const special = new Limit(limit.facts, block, nearLimitRatio, shared)
  special.encoded = limit.encoded
  return special
}
