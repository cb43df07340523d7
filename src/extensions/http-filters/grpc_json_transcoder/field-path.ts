import type { DescField, DescMessage } from '@bufbuild/protobuf'

export const HTTP_BODY = 'google.api.HttpBody'

/** Fields from a message down to a value. */
export type FieldPath = readonly DescField[]

/** By proto names or JSON names; null: there is no such field. The first `known` fields are looked for in `root`. */
export function resolveFieldPath(root: DescMessage, names: readonly string[]): FieldPath | null {
  const path: DescField[] = []
  let message: DescMessage | undefined = root
  for (const name of names) {
    const field: DescField | undefined = message?.fields.find(one => one.name === name || one.jsonName === name)
    if (field === undefined) return null
    path.push(field)
    message = field.fieldKind === 'message' ? field.message : undefined
  }
  return path
}

/** The message at the end of a path; undefined: no message. */
export function messageAt(root: DescMessage, path: FieldPath): DescMessage | undefined {
  if (path.length === 0) return root
  const last = path[path.length - 1] as DescField
  return last.fieldKind === 'message' ? last.message : undefined
}

export const pathText = (path: FieldPath): string => path.map(field => field.name).join('.')

/** Whether a path begins with another one. */
export const isInside = (path: FieldPath, outer: FieldPath): boolean =>
  outer.every((field, i) => path[i]?.number === field.number)
