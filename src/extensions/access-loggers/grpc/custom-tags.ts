import type { CustomTagJson } from '#api/envoy/type/tracing/v3/custom_tag_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import { compileCustomTags } from '../../../http/index.ts'
import type { CustomTag, FormatContext } from '../../../observability/index.ts'
import { utf8 } from './common-entry.ts'

/** custom_tags of an access log; one without a value is left out. */
export class CustomTags {
  private readonly tags: readonly CustomTag[]

  constructor(tags: readonly CustomTagJson[], context: CompileContext, path: ConfigPath) {
    this.tags = compileCustomTags(tags, context, path)
  }

  values(context: FormatContext): Record<string, string> {
    const values: Record<string, string> = {}
    for (const tag of this.tags) {
      const value = tag.value(context)
      if (value !== '') values[utf8(tag.name)] = utf8(value)
    }
    return values
  }
}
