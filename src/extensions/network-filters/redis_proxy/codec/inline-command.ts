// Commands as a person types them: words on a line, in quotes where they have blanks (Redis: sdssplitargs).

const BLANKS: ReadonlySet<string> = new Set([' ', '\t', '\v', '\f', '\n'])
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }
const HEX = /^[0-9a-fA-F]{2}$/

interface Word {
  readonly text: string
  readonly end: number
}

/** The words of a line (latin1, without its end); null: its quotes are not in pairs. */
export function inlineWords(line: string): readonly string[] | null {
  const words: string[] = []
  for (let at = 0; at < line.length; ) {
    if (BLANKS.has(line[at]!)) {
      at++
      continue
    }
    const word =
      line[at] === '"' ? doubleQuoted(line, at + 1) : line[at] === "'" ? singleQuoted(line, at + 1) : plain(line, at)
    if (word === null) return null
    words.push(word.text)
    at = word.end
  }
  return words
}

function plain(line: string, at: number): Word | null {
  const start = at
  while (at < line.length && !BLANKS.has(line[at]!)) if (line[at++] === '"') return null
  return { text: line.slice(start, at), end: at }
}

function doubleQuoted(line: string, at: number): Word | null {
  let text = ''
  for (; at < line.length; at++) {
    const sign = line[at]!
    if (sign === '"') return closed(line, text, at)
    if (sign !== '\\') text += sign
    else if (line[at + 1] === 'x' && HEX.test(line.slice(at + 2, at + 4))) {
      text += String.fromCharCode(Number.parseInt(line.slice(at + 2, at + 4), 16))
      at += 3
    } else {
      at++
      if (at >= line.length) return null
      text += ESCAPES[line[at]!] ?? line[at]
    }
  }
  return null
}

function singleQuoted(line: string, at: number): Word | null {
  let text = ''
  for (; at < line.length; at++) {
    if (line[at] === "'") return closed(line, text, at)
    if (line[at] === '\\' && line[at + 1] === "'") at++
    text += line[at]
  }
  return null
}

/** A word in quotes ends with them. */
function closed(line: string, text: string, at: number): Word | null {
  const end = at + 1
  return end === line.length || BLANKS.has(line[end]!) ? { text, end } : null
}
