import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'
import { dataSourceBytes } from './data-source.ts'

const DATA_SOURCE_FIELDS: ReadonlySet<string> = new Set([
  'filename',
  'inlineBytes',
  'inlineString',
  'environmentVariable',
  'watchedDirectory',
])

/** Whether an object is a core.v3.DataSource that names something outside the configuration. */
function isOutside(value: object): boolean {
  const keys = Object.keys(value)
  if (!keys.every(key => DATA_SOURCE_FIELDS.has(key))) return false
  return keys.includes('filename') || keys.includes('environmentVariable')
}

/** A copy of a message in which every data source carries its content as `inline_bytes`; `onFile` hears the files. */
export function inlineDataSources<T>(
  message: T,
  context: CompileContext,
  path: ConfigPath,
  onFile: (file: string) => void,
): T {
  if (typeof message !== 'object' || message === null) return message
  if (Array.isArray(message)) {
    return message.map((item, i) => inlineDataSources(item, context, path.index(i), onFile)) as T
  }
  if (isOutside(message)) {
    const source = message as { readonly filename?: string }
    if (source.filename !== undefined) onFile(source.filename)
    const bytes = dataSourceBytes(source, context, path)
    return { inlineBytes: bytes === undefined ? '' : bytes.toString('base64') } as T
  }
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(message)) {
    copy[key] = inlineDataSources(value, context, key.startsWith('@') ? path : path.field(key), onFile)
  }
  return copy as T
}
