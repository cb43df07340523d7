import { type Diagnostic, supportOf } from '../config/index.ts'
import { diagnose, readConfiguration } from './configuration.ts'
import type { ServerOptions } from './options.ts'

interface Compatibility {
  readonly compatible: boolean
  /** Ready to print. */
  readonly report: string
}

interface Parts {
  /** Types of the extensions that the configuration uses and that run. */
  readonly supported: readonly string[]
  readonly refused: readonly Diagnostic[]
  /** Read, but without effect here. */
  readonly withoutEffect: readonly Diagnostic[]
  /** What a real Envoy would refuse as well. */
  readonly wrong: readonly Diagnostic[]
}

/** `outrider compat`: which parts of a configuration run here, and which do not and why. */
export function describeCompatibility(options: ServerOptions): Compatibility {
  const { diagnostics, sources } = diagnose(options)
  sources.locate(diagnostics)
  // What is found without the judgement on support as well is wrong anywhere; the rest is what this release lacks.
  const lenient = readConfiguration(options, false)
  const key = ({ path, message }: Diagnostic) => `${path} ${message}`
  const wrongAnywhere = new Set(lenient.diagnostics.list.map(key))
  const isLacking = (finding: Diagnostic) => finding.code === 'unknown-extension' || judged.has(key(finding))
  const judged = new Set(
    readConfiguration(options)
      .diagnostics.list.map(key)
      .filter(one => !wrongAnywhere.has(one)),
  )
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  const refused = errors.filter(isLacking)
  const wrong = errors.filter(finding => !isLacking(finding))
  const parts: Parts = {
    supported: [...typesIn(lenient.resource)].filter(type => supportOf(type) !== undefined).sort(),
    refused,
    withoutEffect: diagnostics.filter(({ severity }) => severity === 'warning'),
    wrong,
  }
  const compatible = errors.length === 0
  const json = options.findingsFormat === 'json'
  return {
    compatible,
    report: json ? `${JSON.stringify({ compatible, ...parts }, null, 2)}\n` : text(parts, compatible),
  }
}

/** Types of all typed_configs, without the type URL prefix. */
function typesIn(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found
  const type = (value as { readonly '@type'?: unknown })['@type']
  if (typeof type === 'string') found.add(type.replace(/^.*\//, ''))
  for (const item of Object.values(value)) typesIn(item, found)
  return found
}

function text({ supported, refused, withoutEffect, wrong }: Parts, compatible: boolean): string {
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? '' : `${title}\n${lines.map(line => `  ${line}\n`).join('')}\n`
  return [
    section('Supported extensions:', supported),
    section('Refused, and why:', refused.map(line)),
    section('Accepted without effect:', withoutEffect.map(line)),
    section('Wrong in any release:', wrong.map(line)),
    compatible ? 'This configuration runs as it is.\n' : 'This configuration does not run as it is.\n',
  ].join('')
}

function line({ file, line: at, column, path, message }: Diagnostic): string {
  const place = file === undefined ? '' : `${file}${at === undefined ? '' : `:${at}:${column}`}: `
  return `${place}${path === '' ? '' : `${path}: `}${message}`
}
