// Merges an overlay .proto into a packed one: a block of the same header ("message Cluster", "oneof action") is
// extended, a field of the same name and number is replaced (its type has changed), anything else is appended. Text in,
// text out: the result is an ordinary proto file.

interface Block {
  /** '' for the file itself. */
  readonly header: string
  /** Statements in order: text as written, or a nested block. */
  readonly items: (string | Block)[]
}

/** Splits proto source into statements and blocks; comments travel with the statement that follows them. */
function parseBlock(text: string, start: number, header: string): { block: Block; end: number } {
  const block: Block = { header, items: [] }
  let from = start
  let at = start
  let options = 0
  while (at < text.length) {
    const char = text[at]
    if (char === '/' && text[at + 1] === '/') at = text.indexOf('\n', at)
    else if (char === '/' && text[at + 1] === '*') at = text.indexOf('*/', at) + 1
    else if (char === '"' || char === "'") at = closingQuote(text, at)
    else if (char === '[') options++
    else if (char === ']') options--
    else if (options > 0) {
      // Braces inside field options are values, not blocks.
    } else if (char === ';') {
      block.items.push(text.slice(from, at + 1))
      from = at + 1
    } else if (char === '{' && isOptionValue(text.slice(from, at))) {
      at = matchingBrace(text, at)
    } else if (char === '{') {
      const child = parseBlock(text, at + 1, text.slice(from, at))
      block.items.push(child.block)
      at = child.end
      from = at + 1
    } else if (char === '}') {
      if (text.slice(from, at).trim() !== '') block.items.push(text.slice(from, at))
      return { block, end: at }
    }
    if (at < 0) break
    at++
  }
  if (text.slice(from).trim() !== '') block.items.push(text.slice(from))
  return { block, end: text.length }
}

function closingQuote(text: string, open: number): number {
  let at = open + 1
  while (at < text.length && text[at] !== text[open]) at += text[at] === '\\' ? 2 : 1
  return at
}

function matchingBrace(text: string, open: number): number {
  let depth = 0
  for (let at = open; at < text.length; at++) {
    if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at
  }
  return text.length
}

function withoutComments(text: string): string {
  return text
    .replace(/\/\/.*$/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .trim()
}

function isOptionValue(statement: string): boolean {
  return /^option\b.*=$/.test(withoutComments(statement))
}

function print(block: Block): string {
  return block.items.map(item => (typeof item === 'string' ? item : `${item.header}{${print(item)}\n}`)).join('')
}

/** 'rate_limits = 3' of a field; null for what is none. */
function fieldNumber(statement: string): string | null {
  return /\b(\w+ = \d+)( \[|;)/.exec(withoutComments(statement))?.[1] ?? null
}

function extend(base: Block, extra: Block): void {
  for (const item of extra.items) {
    if (typeof item === 'string') {
      const key = withoutComments(item)
      if (/^(syntax|package|option)\b/.test(key)) continue
      if (
        key.startsWith('import') &&
        base.items.some(other => typeof other === 'string' && withoutComments(other) === key)
      )
        continue
      const field = fieldNumber(item)
      const old =
        field === null ? -1 : base.items.findIndex(other => typeof other === 'string' && fieldNumber(other) === field)
      if (old < 0) base.items.push(`\n${item.trim()}`)
      else base.items[old] = `\n${item.trim()}`
      continue
    }
    const header = withoutComments(item.header)
    const same = base.items.find(other => typeof other !== 'string' && withoutComments(other.header) === header)
    if (same === undefined || typeof same === 'string') base.items.push(item)
    else extend(same, item)
  }
}

/** `base` with the statements of `extra` added; both are proto3 source of the same package. */
export function mergeProto(base: string, extra: string): string {
  const merged = parseBlock(base, 0, '').block
  extend(merged, parseBlock(extra, 0, '').block)
  return print(merged)
}
