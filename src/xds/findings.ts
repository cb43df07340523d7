import type { Diagnostic } from '../config/index.ts'

/** A finding on one line, for a log or the answer to a server. */
export function lineOf({ file, line, column, path, message, expected, suggestion }: Diagnostic): string {
  const where = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}:${column}: `
  const more =
    suggestion !== undefined
      ? `, did you mean '${suggestion}'?`
      : expected !== undefined
        ? `, expected ${expected}`
        : ''
  return `${where}${path === '' ? '' : `${path}: `}${message}${more}`
}
