import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'

/**
 * The content of a core.v3.DataSource. `path` is that of the data source; an unreadable file or an unset variable is an
 * error there, and the answer undefined.
 */
export function dataSourceBytes(source: DataSourceJson, context: CompileContext, path: ConfigPath): Buffer | undefined {
  if (source.inlineString !== undefined) return Buffer.from(source.inlineString, 'utf8')
  if (source.inlineBytes !== undefined) return Buffer.from(source.inlineBytes, 'base64')
  if (source.filename !== undefined) return readSource(source.filename, context, path.field('filename'))
  if (source.environmentVariable !== undefined) {
    const value = process.env[source.environmentVariable]
    if (value !== undefined) return Buffer.from(value, 'utf8')
    context.diagnostics.error(
      path.field('environment_variable'),
      `environment variable ${source.environmentVariable} is not set`,
      {
        code: 'unreadable',
      },
    )
  }
  return undefined
}

/** dataSourceBytes() as UTF-8 text. */
export function dataSourceText(source: DataSourceJson, context: CompileContext, path: ConfigPath): string | undefined {
  return dataSourceBytes(source, context, path)?.toString('utf8')
}

function readSource(file: string, context: CompileContext, path: ConfigPath): Buffer | undefined {
  try {
    return context.readFile(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.diagnostics.error(path, `cannot read ${file}: ${reason}`, { code: 'unreadable' })
    return undefined
  }
}
