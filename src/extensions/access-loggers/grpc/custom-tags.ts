// type.tracing.v3.CustomTag, as far as an access log can have them.
import type { CustomTagJson } from '#api/envoy/type/tracing/v3/custom_tag_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import type { FormatContext } from '../../../observability/index.ts'
import { utf8 } from './common-entry.ts'

const TAG = 'envoy.type.tracing.v3.CustomTag'
const NOT_HERE = 'not part of this release in access logs; use literal, environment or request_header'
declareSupport(TAG, {
  supported: ['tag', 'literal', 'environment', 'request_header'],
  refused: { metadata: NOT_HERE, value: NOT_HERE, value_type: NOT_HERE },
})
declareSupport(`${TAG}.Literal`, { supported: ['value'] })
declareSupport(`${TAG}.Environment`, { supported: ['name', 'default_value'] })
declareSupport(`${TAG}.Header`, { supported: ['name', 'default_value'] })

/** Undefined: there is no such tag. */
type TagValue = (context: FormatContext) => string | undefined

export class CustomTags {
  private readonly tags: readonly (readonly [name: string, value: TagValue])[]

  constructor(tags: readonly CustomTagJson[], context: CompileContext, path: ConfigPath) {
    this.tags = tags.map((tag, i) => [tag.tag ?? '', compileTag(tag, context, path.index(i))])
  }

  values(context: FormatContext): Record<string, string> {
    const values: Record<string, string> = {}
    for (const [name, value] of this.tags) {
      const text = value(context)
      if (text !== undefined) values[name] = text
    }
    return values
  }
}

function compileTag(tag: CustomTagJson, context: CompileContext, path: ConfigPath): TagValue {
  if (tag.literal !== undefined) {
    const { value = '' } = tag.literal
    return () => value
  }
  if (tag.environment !== undefined) {
    const { name = '', defaultValue } = tag.environment
    const value = process.env[name] ?? defaultValue
    return () => value
  }
  if (tag.requestHeader !== undefined) {
    const { name = '', defaultValue } = tag.requestHeader
    const header = name.toLowerCase()
    return ({ requestHeaders }) => {
      const value = requestHeaders?.lookup(header)
      return value === undefined ? defaultValue : utf8(value)
    }
  }
  if (tag.metadata === undefined) {
    context.diagnostics.error(path, 'this tag has no value', { expected: 'literal, environment or request_header' })
  }
  return () => undefined
}
