// Values of the path and the query go into the JSON of the request, where its body has not said otherwise.
import type { DescField, JsonObject, JsonValue } from '@bufbuild/protobuf'
import { convertText, typeText } from './convert.ts'
import { type FieldPath, pathText } from './field-path.ts'
import { isObject, keyOf } from './json.ts'

export interface ResolvedBinding {
  readonly path: FieldPath
  readonly value: string
}

export interface WeaveOptions {
  readonly caseInsensitiveEnums: boolean
  readonly rejectCollisions: boolean
}

/** Changes `root`; returns what is wrong, or null. */
export function weave(root: JsonObject, bindings: readonly ResolvedBinding[], options: WeaveOptions): string | null {
  /** Fields that bindings have set: the last of several bindings counts. */
  const woven = new Set<string>()
  for (const { path, value } of bindings) {
    const invalid = (field: DescField): string =>
      `${pathText(path)}: invalid value "${value}" for type ${typeText(field)}`
    let object = root
    for (const field of path.slice(0, -1)) {
      const key = keyOf(object, field)
      const present = object[key]
      if (present === undefined || present === null) object[key] = {}
      else if (!isObject(present)) return invalid(field)
      object = object[key] as JsonObject
    }
    const field = path[path.length - 1] as DescField
    const converted = convertText(field, value, options.caseInsensitiveEnums)
    if (converted === undefined || field.fieldKind === 'map') return invalid(field)
    const key = keyOf(object, field)
    const present = object[key]
    if (field.fieldKind === 'list') {
      if (present !== undefined && present !== null && !Array.isArray(present)) return invalid(field)
      object[key] = [...((present as JsonValue[] | null | undefined) ?? []), converted]
    } else if (present === undefined || present === null || woven.has(pathText(path))) {
      object[key] = converted
      woven.add(pathText(path))
    } else if (options.rejectCollisions && String(present) !== String(converted)) {
      return `The binding value ${JSON.stringify(value)} of the field ${pathText(path)} is conflicting with the value ${JSON.stringify(present)} in the body.`
    }
  }
  return null
}
