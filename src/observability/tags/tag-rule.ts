/** Where in a stat's name a tag stands. */
export interface TagCut {
  /** What is cut from the name, as indexes into it. */
  readonly start: number
  readonly end: number
  readonly value: string
}

export interface TagRule {
  readonly tag: string
  find(name: string): TagCut | null
}
