import { type DumpList, type DumpSection, dumpSections } from '../config-dump-sections.ts'
import { type AdminResponse, type Endpoint, JSON_TYPE } from '../endpoint.ts'
import { FieldMask } from '../field-mask.ts'
import { jsonList, LazyList } from '../json-list.ts'
import { compileNameFilter } from '../name-filter.ts'
import { SchemaJson } from '../schema-json.ts'

type Json = Readonly<Record<string, unknown>>

/** Errors of this endpoint carry no charset in Envoy. */
function failure(status: number, body: string): AdminResponse {
  return { status, contentType: 'text/plain', body }
}

function typed(typeName: string, message: Json): Json {
  return { '@type': `type.googleapis.com/${typeName}`, ...message }
}

function masked(mask: FieldMask | null, message: Json): Json {
  return mask === null ? message : mask.apply(message)
}

/** The elements of one list as messages of their own. */
function* elements(list: DumpList, mask: FieldMask | null): Generator<Json> {
  for (const item of list.items) yield typed(list.typeName, masked(mask, item))
}

/** A section as one message; lists without items are left out. */
function sectionMessage(section: DumpSection, mask: FieldMask | null): Json {
  const lists = Object.entries(section.lists).filter(([, { items }]) => !items[Symbol.iterator]().next().done)
  const asFields = lists.map(([name, { items }]) => [name, new LazyList(items, item => item)] as const)
  return typed(section.typeName, masked(mask, { ...section.values, ...Object.fromEntries(asFields) }))
}

/** Whether every path of the mask names a field of the section and goes through no list. */
function fits(section: DumpSection, mask: FieldMask, schema: SchemaJson): boolean {
  return mask.paths.every(path => {
    const [first] = path
    if (first !== undefined && first in section.lists) return path.length === 1
    return first !== undefined && first in section.values && schema.hasPath(section.typeName, path)
  })
}

function oneResource(
  sections: readonly DumpSection[],
  resource: string,
  mask: FieldMask | null,
  schema: SchemaJson,
): AdminResponse {
  for (const { values, lists } of sections) {
    if (resource in values) {
      return failure(400, `${resource} is not a repeated field. Use ?mask=${resource} to get only this field`)
    }
    const list = lists[resource]
    if (list === undefined) continue
    if (mask !== null && !mask.paths.every(path => schema.hasPath(list.typeName, path))) {
      return failure(400, `FieldMask ${mask.text} could not be successfully used.`)
    }
    return { status: 200, contentType: JSON_TYPE, body: jsonList('configs', elements(list, mask)) }
  }
  return failure(404, `${resource} not found in config dump`)
}

export const configDump: Endpoint = {
  path: '/config_dump',
  help: 'dump current Envoy configs',
  params: [
    { name: 'resource', help: 'The resource to dump' },
    {
      name: 'mask',
      help: 'The mask to apply. When both resource and mask are specified, the mask is applied to every element in the desired repeated field so that only a subset of fields are returned. The mask is parsed as a Protobuf::FieldMask',
    },
    {
      name: 'name_regex',
      help: 'Dump only the currently loaded configurations whose names match the specified regex. Can be used with both resource and mask query parameters.',
    },
    {
      name: 'include_eds',
      help: 'Dump currently loaded configuration including EDS. See the response definition for more information',
    },
  ],
  handle: ({ params }, sources): AdminResponse => {
    const nameRegex = params.get('name_regex') ?? ''
    const wanted = nameRegex === '' ? () => true : compileNameFilter(nameRegex, true)
    if (typeof wanted !== 'function') {
      return failure(400, `INVALID_ARGUMENT: Error while parsing name_regex from ${nameRegex}: ${wanted.reason}`)
    }
    const schema = new SchemaJson(sources.schema)
    const resource = params.get('resource') ?? ''
    const maskText = params.get('mask') ?? ''
    const mask = maskText === '' ? null : new FieldMask(maskText)
    const sections = dumpSections(sources.configDump(), schema, wanted, params.has('include_eds'))
    if (resource !== '') return oneResource(sections, resource, mask, schema)
    const chosen = mask === null ? sections : sections.filter(section => fits(section, mask, schema))
    if (chosen.length === 0)
      return failure(400, `FieldMask ${maskText} could not be successfully applied to any configs.`)
    const messages = new LazyList(chosen, section => sectionMessage(section as DumpSection, mask))
    return { status: 200, contentType: JSON_TYPE, body: jsonList('configs', messages) }
  },
}
