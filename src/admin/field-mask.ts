type Json = Readonly<Record<string, unknown>>

/** A field mask as a tree: what is kept below a name; null keeps all of it. */
type MaskTree = Map<string, MaskTree | null>

/** A google.protobuf.FieldMask in its text form: dotted snake_case paths, separated by commas. */
export class FieldMask {
  readonly text: string
  readonly paths: readonly (readonly string[])[]
  private readonly tree: MaskTree

  constructor(text: string) {
    this.text = text
    this.paths = text
      .split(',')
      .filter(path => path !== '')
      .map(path => path.split('.'))
    this.tree = new Map()
    for (const path of this.paths) addPath(this.tree, path)
  }

  /** `message` with only what the mask names. Lists are kept whole: a path may end at one, not go through it. */
  apply(message: Json): Record<string, unknown> {
    return keep(message, this.tree)
  }
}

function addPath(tree: MaskTree, path: readonly string[]): void {
  let at = tree
  path.forEach((part, i) => {
    const next = at.get(part)
    if (next === null) return
    if (i === path.length - 1) at.set(part, null)
    else if (next !== undefined) at = next
    else {
      const made: MaskTree = new Map()
      at.set(part, made)
      at = made
    }
  })
}

function keep(message: Json, tree: MaskTree): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(message)) {
    const below = tree.get(name)
    // The type of an Any is part of its wire form, not a field a mask could name.
    if (below === null || name === '@type') out[name] = value
    else if (below !== undefined && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      out[name] = keep(value as Json, below)
    }
  }
  return out
}
