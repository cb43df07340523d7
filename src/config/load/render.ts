import type { Diagnostic } from '../diagnostics.ts'
import type { ConfigSources } from './config-sources.ts'

/** Lines of 10,000 characters are shown around the place, not whole. */
const MAX_WIDTH = 120

function where(diagnostic: Diagnostic): string {
  const { file, line, column } = diagnostic
  if (file === undefined) return ''
  return line === undefined ? `${file}: ` : `${file}:${line}:${column}: `
}

/** The source line with a caret below the column, indented for a report. */
function excerpt(diagnostic: Diagnostic, sources: ConfigSources): readonly string[] {
  const { file, line, column = 1 } = diagnostic
  const text = file === undefined || line === undefined ? undefined : sources.textOf(file)
  if (text === undefined || text === '') return []
  const full = lineOf(text, line!)
  const from = column > MAX_WIDTH - 20 ? column - 40 : 0
  const shown = full.slice(from, from + MAX_WIDTH).replaceAll('\t', ' ')
  const gutter = String(line).padStart(5)
  const pad = from > 0 ? '…' : ''
  const width = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s:,{}[\]]+)/.exec(full.slice(column - 1))?.[0].length ?? 1
  const caret = ' '.repeat(column - 1 - from + pad.length) + '^'.repeat(Math.max(1, Math.min(width, MAX_WIDTH - 20)))
  return [`${gutter} | ${pad}${shown}`, `${' '.repeat(gutter.length)} | ${caret}`]
}

function lineOf(text: string, line: number): string {
  let start = 0
  for (let i = 1; i < line; i++) start = text.indexOf('\n', start) + 1
  const end = text.indexOf('\n', start)
  return text.slice(start, end < 0 ? text.length : end).replace(/\r$/, '')
}

/** One finding as a compiler shows it; ends without a line break. */
export function renderDiagnostic(diagnostic: Diagnostic, sources: ConfigSources): string {
  const { severity, path, message, expected, found, suggestion } = diagnostic
  const lines = [
    `${where(diagnostic)}${severity}: ${path === '' ? '' : `${path}: `}${message}`,
    ...excerpt(diagnostic, sources),
  ]
  const note = (label: string, text: string) => lines.push(`      = ${label}: ${text}`)
  if (expected !== undefined) note('expected', expected)
  if (found !== undefined) note('found', found)
  if (suggestion !== undefined) lines.push(`      = did you mean '${suggestion}'?`)
  return lines.join('\n')
}

/** In the order of the text, whatever order they were found in. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const rank = (d: Diagnostic) => d.line ?? Number.MAX_SAFE_INTEGER
  return [...diagnostics].sort((a, b) => rank(a) - rank(b) || (a.column ?? 0) - (b.column ?? 0))
}

/** All findings as text with a closing count, or as one JSON document: {"errors", "warnings", "diagnostics": [...]}. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ConfigSources,
  format: 'text' | 'json' = 'text',
): string {
  sources.locate(diagnostics)
  const sorted = sortDiagnostics(diagnostics)
  const errors = sorted.filter(diagnostic => diagnostic.severity === 'error').length
  const warnings = sorted.length - errors
  if (format === 'json') return `${JSON.stringify({ errors, warnings, diagnostics: sorted }, null, 2)}\n`
  if (sorted.length === 0) return ''
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`
  return `${sorted.map(diagnostic => renderDiagnostic(diagnostic, sources)).join('\n\n')}\n\n${count(errors, 'error')}, ${count(warnings, 'warning')}\n`
}
