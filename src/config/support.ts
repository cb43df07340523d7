// What this release does with every field of every message it reads. Compile functions declare it beside the code that
// reads the fields; the loader refuses what they refuse, and docs/compat.md is printed from the same declarations.

export interface SupportDeclaration {
  /** Fields (snake_case) that are honoured. */
  readonly supported: readonly string[]
  /** Field -> why it is refused and what to do instead. */
  readonly refused?: Readonly<Record<string, string>>
  /** Field -> enum value name or scalar text -> why this value of an otherwise honoured field is refused. */
  readonly values?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Field -> why it has no effect here although it is accepted. */
  readonly accepted?: Readonly<Record<string, string>>
}

export interface MessageSupport extends SupportDeclaration {
  readonly typeName: string
  readonly refused: Readonly<Record<string, string>>
  readonly values: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly accepted: Readonly<Record<string, string>>
}

const declarations = new Map<string, MessageSupport>()

/**
 * Declares the fields of one message, once per process and message; a second, different declaration throws, because two
 * readers that disagree would make one of them ignore a field silently.
 */
export function declareSupport(messageTypeName: string, declaration: SupportDeclaration): MessageSupport {
  const support: MessageSupport = Object.freeze({
    typeName: messageTypeName,
    supported: declaration.supported,
    refused: declaration.refused ?? {},
    values: declaration.values ?? {},
    accepted: declaration.accepted ?? {},
  })
  const earlier = declarations.get(messageTypeName)
  if (earlier !== undefined && JSON.stringify(earlier) !== JSON.stringify(support)) {
    throw new Error(`${messageTypeName} is declared twice, and differently`)
  }
  declarations.set(messageTypeName, support)
  return support
}

export function supportOf(messageTypeName: string): MessageSupport | undefined {
  return declarations.get(messageTypeName)
}

/** Every declaration made so far, by message name. */
export function declaredMessages(): readonly MessageSupport[] {
  return [...declarations.values()].sort((a, b) => (a.typeName < b.typeName ? -1 : 1))
}
