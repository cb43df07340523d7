// What a real Envoy made of expressions, and the way to write that down:
// ENVOY=<binary> node scripts/run.mjs test/differential/cel/answers.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { playCel, type Values } from './play.ts'

const FILE = fileURLToPath(new URL('answers.json', import.meta.url))

export interface CelAnswers {
  /** Beside expressions, what they give; once where all requests give the same. */
  readonly plain: Readonly<Record<string, Values>>
  /** With string conversion, concatenation and functions. */
  readonly everything: Readonly<Record<string, Values>>
  /** Envoy does not start with one of these, whatever is turned on. */
  readonly refused: readonly string[]
  /** Envoy does not start with one of these unless the functions are turned on. */
  readonly refusedPlain: readonly string[]
  /** Envoy knows these, and they are refused here. */
  readonly notOffered: readonly string[]
}

export function readCelAnswers(): CelAnswers {
  return JSON.parse(readFileSync(FILE, 'utf8')) as CelAnswers
}

export const short = (values: Values): Values => {
  const [first] = values
  return values.every(value => JSON.stringify(value) === JSON.stringify(first)) ? values.slice(0, 1) : values
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.env['PROXY_UNDER_TEST'] = process.env['ENVOY'] ?? 'envoy'
  const answers = readCelAnswers()
  const recorded = async (set: Readonly<Record<string, Values>>, everything: boolean): Promise<string[]> => {
    const seen = await playCel(Object.keys(set), everything)
    return Object.keys(set).map((text, i) => `    ${JSON.stringify(text)}: ${JSON.stringify(short(seen[i]!))}`)
  }
  const block = (name: string, entries: readonly string[]): string => `  "${name}": {\n${entries.join(',\n')}\n  }`
  const list = (name: string, texts: readonly string[]): string =>
    `  "${name}": [\n${texts.map(text => `    ${JSON.stringify(text)}`).join(',\n')}\n  ]`
  const parts = [
    block('plain', await recorded(answers.plain, false)),
    block('everything', await recorded(answers.everything, true)),
    list('refused', answers.refused),
    list('refusedPlain', answers.refusedPlain),
    list('notOffered', answers.notOffered),
  ]
  writeFileSync(FILE, `{\n${parts.join(',\n')}\n}\n`)
}
