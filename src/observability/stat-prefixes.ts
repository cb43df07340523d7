/** Prefixes of stats, such as 'cluster.x.', of what is gone. */
export interface StatPrefixes {
  readonly gone: ReadonlySet<string>
  /** Longer ones of what is there: 'cluster.x.y.' belongs to another cluster than 'cluster.x.'. */
  readonly kept: ReadonlySet<string>
}

/** The prefix among those that are gone to which a stat belongs; null: to none. */
export function ownerOf(name: string, { gone, kept }: StatPrefixes): string | null {
  let owner: string | null = null
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const prefix = name.slice(0, dot + 1)
    if (gone.has(prefix)) owner = prefix
    else if (kept.has(prefix)) owner = null
  }
  return owner
}
