import { DEFAULT_TAG_RULES } from './default-tag-rules.ts'
import type { TagCut, TagRule } from './tag-rule.ts'

/** A tag that every stat carries. */
export interface FixedTag {
  readonly tag: string
  readonly value: string
}

export interface ExtractedName {
  /** The name without its tags. */
  readonly name: string
  /** In the order of the rules. */
  readonly tags: readonly FixedTag[]
}

/** Takes tags such as `envoy.cluster_name` out of stat names: StatsConfig.stats_tags and use_all_default_tags. */
export class TagExtractor {
  private readonly rules: readonly TagRule[]
  private readonly fixed: readonly FixedTag[]
  private readonly useDefaults: boolean

  constructor(rules: readonly TagRule[] = [], fixed: readonly FixedTag[] = [], useDefaults = true) {
    this.rules = rules
    this.fixed = fixed
    this.useDefaults = useDefaults
  }

  extract(name: string): ExtractedName {
    const tags = this.fixed.slice()
    const cuts: TagCut[] = []
    if (this.useDefaults) {
      const dot = name.indexOf('.')
      apply(DEFAULT_TAG_RULES.any, name, tags, cuts)
      const specific = DEFAULT_TAG_RULES.byFirstWord.get(dot < 0 ? name : name.slice(0, dot))
      if (specific !== undefined) apply(specific, name, tags, cuts)
    }
    apply(this.rules, name, tags, cuts)
    return { name: cuts.length === 0 ? name : without(name, cuts), tags }
  }
}

/** The first rule of a tag that fits is the one that counts, and no part of a name is cut twice. */
function apply(rules: readonly TagRule[], name: string, tags: FixedTag[], cuts: TagCut[]): void {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i] as TagRule
    const cut = rule.find(name)
    if (cut === null || tags.some(({ tag }) => tag === rule.tag)) continue
    tags.push({ tag: rule.tag, value: cut.value })
    if (!cuts.some(other => cut.start < other.end && other.start < cut.end)) cuts.push(cut)
  }
}

function without(name: string, cuts: TagCut[]): string {
  if (cuts.length > 1) cuts.sort((a, b) => a.start - b.start)
  let rest = ''
  let from = 0
  for (const { start, end } of cuts) {
    rest += name.slice(from, start)
    from = end
  }
  return rest + name.slice(from)
}
