import { type FieldSchema, MESSAGE_KIND, type MessageSchema } from './schema/message-schema.ts'
import type { SchemaTable } from './schema/table.ts'
import { declaredMessages, type MessageSupport, supportOf } from './support.ts'

/** Lists of one declaration that name a field, in the order they are looked up. */
function listsNaming(support: MessageSupport, field: string): readonly string[] {
  const lists: string[] = []
  if (support.supported.includes(field)) lists.push('supported')
  if (field in support.refused) lists.push('refused')
  if (field in support.accepted) lists.push('accepted')
  return lists
}

function namedFields(support: MessageSupport): readonly string[] {
  return [
    ...support.supported,
    ...Object.keys(support.refused),
    ...Object.keys(support.accepted),
    ...Object.keys(support.values),
  ]
}

function valueGaps(table: SchemaTable, support: MessageSupport, field: FieldSchema): readonly string[] {
  const values = support.values[field.name]
  if (values === undefined || field.kind !== 'enum') return []
  const known = table.enum(field.typeName).names
  return Object.keys(values)
    .filter(value => !known.includes(value))
    .map(value => `${support.typeName}.${field.name}: no value ${value} in ${field.typeName}`)
}

function fieldGaps(table: SchemaTable, support: MessageSupport, field: FieldSchema): readonly string[] {
  const name = `${support.typeName}.${field.name}`
  const lists = listsNaming(support, field.name)
  if (lists.length === 0) return [`${name}: neither supported nor refused nor accepted`]
  if (lists.length > 1) return [`${name}: both ${lists.join(' and ')}`]
  if (lists[0] !== 'supported') return []
  const undeclared = field.kind === MESSAGE_KIND && supportOf(field.typeName) === undefined
  return [
    ...(undeclared ? [`${name}: supported, but nobody declares ${field.typeName}`] : []),
    ...valueGaps(table, support, field),
  ]
}

function messageGaps(table: SchemaTable, schema: MessageSchema, support: MessageSupport): readonly string[] {
  const known = new Set(schema.fields.map(field => field.name))
  const strangers = namedFields(support).filter(name => !known.has(name))
  return [
    ...strangers.map(name => `${support.typeName}.${name}: no such field`),
    ...schema.fields.flatMap(field => fieldGaps(table, support, field)),
  ]
}

/**
 * What is wrong with the declarations made so far, one line each: fields that a declaration forgets, invents or lists twice,
 * and messages that are read but declared by nobody. Empty when nothing can be ignored in silence.
 */
export function supportGaps(
  table: SchemaTable,
  declarations: readonly MessageSupport[] = declaredMessages(),
): readonly string[] {
  return declarations.flatMap(support => {
    const schema = table.message(support.typeName)
    return schema === undefined ? [`${support.typeName}: no such message`] : messageGaps(table, schema, support)
  })
}
