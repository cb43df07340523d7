import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { compileFormat, type StreamInfo } from '../../../observability/index.ts'
import type { KeyFormat } from './redis-proxy-plan.ts'

const KEY = '%KEY%'
/** Stands for the key while the rest is put in: a key may have a '%' in it. */
const MARK = '~REPLACED_KEY~'

export function compileKeyFormat(text: string, context: CompileContext, path: ConfigPath): KeyFormat | null {
  const formatter = compileFormat(text.replaceAll(KEY, MARK), { missing: '' })
  if (!('error' in formatter)) return { formatter }
  context.diagnostics.error(path, formatter.error, { found: text, code: 'bad-format' })
  return null
}

/** An empty result leaves the key as it is. */
export function formatKey({ formatter }: KeyFormat, key: Buffer, info: StreamInfo): Buffer {
  const context = { requestHeaders: null, responseHeaders: null, responseTrailers: null, info }
  const text = formatter.format(context).replaceAll(MARK, () => key.latin1Slice(0, key.length))
  return text === '' ? key : Buffer.from(text, 'latin1')
}
