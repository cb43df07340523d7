import type { ConfigPath } from './config-path.ts'

/** One finding about a configuration. `line` and `column` are 1-based and absent until the sources were consulted. */
export interface Diagnostic {
  severity: 'error' | 'warning'
  /** Config path, '' for the file as a whole. */
  path: string
  message: string
  /** What would have been right, as a phrase: 'an integer from 0 to 65535'. */
  expected?: string
  /** What stands there, as written: '"80a"'. */
  found?: string
  /** The nearest right name, without 'did you mean'. */
  suggestion?: string
  file?: string
  line?: number
  column?: number
  /** Stable machine-readable kind: 'unknown-field', 'unsupported', 'rule', ... */
  code: string
}

export interface DiagnosticDetail {
  readonly expected?: string
  readonly found?: string
  readonly suggestion?: string
  readonly code?: string
}

/** Collects findings; nothing is thrown, so that one run reports all of them. */
export class Diagnostics {
  readonly list: Diagnostic[] = []

  error(path: ConfigPath, message: string, detail?: DiagnosticDetail): void {
    this.add('error', path.toString(), message, detail)
  }

  warn(path: ConfigPath, message: string, detail?: DiagnosticDetail): void {
    this.add('warning', path.toString(), message, detail)
  }

  /** Same as error() and warn() for a path that is text already. */
  add(severity: 'error' | 'warning', path: string, message: string, detail: DiagnosticDetail = {}): void {
    this.list.push({ severity, path, message, ...detail, code: detail.code ?? 'semantic' })
  }

  /** True when at least one finding is an error. */
  get failed(): boolean {
    return this.list.some(diagnostic => diagnostic.severity === 'error')
  }
}
