import type { Field, FieldValue } from '../format-context.ts'
import type { FilterStateObject, StreamInfo } from '../stream-info.ts'
import { TwoForms } from './two-forms.ts'

const SOURCES: Readonly<Record<string, (info: StreamInfo) => object | null>> = {
  DYNAMIC: info => info.dynamicMetadata,
  CLUSTER: info => info.clusterMetadata,
  ROUTE: info => info.routeMetadata,
  UPSTREAM_HOST: info => info.upstreamHostMetadata,
  VIRTUAL_HOST: info => info.virtualHostMetadata,
  LISTENER: info => info.connection.listenerMetadata ?? null,
  LISTENER_FILTER_CHAIN: info => info.connection.filterChainMetadata ?? null,
}

function member(value: unknown, key: string): unknown {
  if (value instanceof Map) return value.get(key)
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

/** `namespace:key:key...` of one kind of metadata; undefined for an unknown kind or an empty argument. */
export function metadataField(kind: string, argument: string, maxLength = -1): Field | undefined {
  const source = Object.hasOwn(SOURCES, kind) ? SOURCES[kind] : undefined
  const keys = argument.split(':')
  if (source === undefined || keys[0] === '') return undefined
  return ({ info }) => {
    let value: unknown = source(info)
    for (const key of keys) value = member(value, key)
    value = sortedFields(value ?? null)
    if (maxLength < 0 || value === null) return value as FieldValue
    if (typeof value === 'string') return value.slice(0, maxLength)
    // Whole where it keeps its type (Envoy).
    return new TwoForms(JSON.stringify(value).slice(0, maxLength), value) as unknown as FieldValue
  }
}

/** Envoy prints the fields of a Struct by name. */
export function sortedFields(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sortedFields)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, field]) => [name, sortedFields(field)]))
}

/** `METADATA(KIND:namespace:key...)` */
export function anyMetadataField(argument: string, maxLength: number): Field | undefined {
  const colon = argument.indexOf(':')
  return colon < 0 ? undefined : metadataField(argument.slice(0, colon), argument.slice(colon + 1), maxLength)
}

/** Envoy prints typed texts as JSON does, even where everything around them is plain. */
class TypedText {
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toJSON(): string {
    return this.text
  }
}

function inForm(state: unknown, form: string): unknown {
  if (typeof state === 'string' && form === 'TYPED') return new TypedText(state)
  if (typeof state !== 'object' || state === null || !('serializeAsString' in state)) return state
  const object = state as FilterStateObject
  return form === 'PLAIN' ? object.serializeAsString() : object.toJSON()
}

/** `FILTER_STATE(key[:PLAIN|:TYPED|:FIELD:name]):Z`; most values here are plain already. Z cuts a text. */
export function filterStateField(argument: string, maxLength: number): Field | undefined {
  const [key = '', form = 'TYPED', name, more] = argument.split(':')
  if (key === '' || more !== undefined || (form === 'FIELD') !== (name !== undefined && name !== '')) return undefined
  if (!['PLAIN', 'TYPED', 'FIELD'].includes(form)) return undefined
  return ({ info }) => {
    const state = info.filterState?.get(key)
    const value = (name === undefined ? inForm(state, form) : member(state, name)) ?? null
    if (maxLength < 0) return value as FieldValue
    if (value instanceof TypedText) return JSON.stringify(value).slice(0, maxLength)
    return typeof value === 'string' ? value.slice(0, maxLength) : (value as FieldValue)
  }
}
