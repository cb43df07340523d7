import { parseJson } from '../yaml/parse-json.ts'
import { parseLargeYaml } from '../yaml/parse-large.ts'
import { lineAndColumn } from './config-sources.ts'

export interface ParsedText {
  readonly value: unknown
  /** The first thing that is wrong, with its place; null when nothing is. */
  readonly problem: string | null
}

/** Parses a file of resources, YAML or JSON. */
export function parseResourceText(file: string, text: string): ParsedText {
  const { value, problems } = file.endsWith('.json') ? parseJson(text) : parseLargeYaml(text)
  const first = problems[0]
  if (first === undefined) return { value, problem: null }
  const { line, column } = lineAndColumn(text, first.offset)
  return { value: undefined, problem: `${file}:${line}:${column}: ${first.message}` }
}
