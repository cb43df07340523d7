// Metadata of routes and virtual hosts, the filter's context, and the stream's dynamic metadata.
import { type MetadataStruct, setDynamicMetadata } from '../../../../observability/index.ts'
import type { ScriptRun } from '../script-run.ts'
import type { HostFunction } from '../vm/host-table.ts'
import type { LuaMachine } from '../vm/machine.ts'
import {
  DYNAMIC_METADATA,
  detailOf,
  METADATA,
  pushObject,
  ROUTE,
  runOf,
  textArgument,
  VIRTUAL_HOST,
} from './objects.ts'
import { pushFields, pushValue, readValue } from './values.ts'

/** What a metadata object is about. */
export const ROUTE_METADATA = 0
export const VIRTUAL_HOST_METADATA = 1
export const FILTER_CONTEXT = 2

const CANONICAL_NAME = 'envoy.filters.http.lua'
const NOTHING: MetadataStruct = {}

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')

/** Of the filter by its name in the chain, or else by Envoy's name for it. */
function ownPart(run: ScriptRun, metadata: object | null | undefined): object {
  const all = (metadata ?? NOTHING) as Readonly<Record<string, object>>
  return all[run.filter.configName] ?? all[CANONICAL_NAME] ?? NOTHING
}

function fieldsOf(machine: LuaMachine, state: number): Readonly<Record<string, unknown>> {
  const run = runOf(machine, state, METADATA)
  const { filter } = run
  switch (detailOf(machine, state)) {
    case ROUTE_METADATA:
      return ownPart(run, filter.callbacks.route?.metadata) as MetadataStruct
    case VIRTUAL_HOST_METADATA:
      return ownPart(run, filter.callbacks.route?.virtualHost.metadata) as MetadataStruct
    default:
      return filter.filterContext as MetadataStruct
  }
}

const hasOwn = (fields: object, key: string): boolean => Object.hasOwn(fields, key)

export const METADATA_METHODS: Readonly<Record<string, HostFunction>> = {
  get: (machine, state) => {
    const fields = fieldsOf(machine, state)
    const key = utf8(textArgument(machine, state, 2))
    if (!hasOwn(fields, key)) return 0
    pushValue(machine, state, fields[key])
    return 1
  },
  __entries: (machine, state) => {
    pushFields(machine, state, fieldsOf(machine, state))
    return 1
  },
}

/** Of the stream; a connection's own is not kept in this release, so there is nothing in it. */
export const STREAM_METADATA = 0
export const CONNECTION_METADATA = 1

function dynamicOf(machine: LuaMachine, state: number): ReadonlyMap<string, MetadataStruct> | null {
  const run = runOf(machine, state, DYNAMIC_METADATA)
  if (detailOf(machine, state) === CONNECTION_METADATA) return null
  return run.filter.callbacks.info.dynamicMetadata
}

export const DYNAMIC_METADATA_METHODS: Readonly<Record<string, HostFunction>> = {
  get: (machine, state) => {
    const struct = dynamicOf(machine, state)?.get(utf8(textArgument(machine, state, 2)))
    if (struct === undefined) return 0
    pushFields(machine, state, struct)
    return 1
  },
  set: (machine, state) => {
    const run = runOf(machine, state, DYNAMIC_METADATA)
    if (detailOf(machine, state) === CONNECTION_METADATA) machine.raise(state, 'it cannot be changed here')
    const namespace = utf8(textArgument(machine, state, 2))
    const key = utf8(textArgument(machine, state, 3))
    machine.lua.lua_settop(state, 4)
    setDynamicMetadata(run.filter.callbacks.info, namespace, { [key]: readValue(machine, state, 4) })
    return 0
  },
  __entries: (machine, state) => {
    pushFields(machine, state, Object.fromEntries(dynamicOf(machine, state) ?? []))
    return 1
  },
}

export const VIRTUAL_HOST_METHODS: Readonly<Record<string, HostFunction>> = {
  metadata: (machine, state) => {
    runOf(machine, state, VIRTUAL_HOST)
    return pushObject(machine, state, METADATA, VIRTUAL_HOST_METADATA)
  },
}

export const ROUTE_METHODS: Readonly<Record<string, HostFunction>> = {
  metadata: (machine, state) => {
    runOf(machine, state, ROUTE)
    return pushObject(machine, state, METADATA, ROUTE_METADATA)
  },
}
