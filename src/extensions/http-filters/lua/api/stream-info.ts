// streamInfo(), connectionStreamInfo() and filterState().

import { filterStateObject } from '../../../../net/index.ts'
import type { StreamInfo } from '../../../../observability/index.ts'
import type { HostFunction } from '../vm/host-table.ts'
import { filterStateText } from './filter-state.ts'
import { CONNECTION_METADATA, STREAM_METADATA } from './metadata.ts'
import {
  CONNECTION_STREAM_INFO,
  DYNAMIC_METADATA,
  FILTER_STATE,
  pushNil,
  pushObject,
  runOf,
  SSL,
  STREAM_INFO,
  textArgument,
} from './objects.ts'

/** A method that gives a text; undefined: nil. */
const text =
  (of: (info: StreamInfo) => string | null | undefined): HostFunction =>
  (machine, state) => {
    const value = of(runOf(machine, state, STREAM_INFO).filter.callbacks.info)
    if (value === null || value === undefined) machine.lua.lua_pushnil(state)
    else machine.pushText(state, value)
    return 1
  }

/** Nothing in this release keeps typed metadata, so there is none. */
const noTypedMetadata =
  (kind: number): HostFunction =>
  (machine, state) => {
    runOf(machine, state, kind)
    textArgument(machine, state, 2)
    return 0
  }

export const STREAM_INFO_METHODS: Readonly<Record<string, HostFunction>> = {
  protocol: text(info => info.protocol),
  routeName: text(info => info.routeName ?? ''),
  virtualClusterName: text(info => info.virtualClusterName ?? ''),
  downstreamLocalAddress: text(({ connection }) => connection.localAddress),
  downstreamDirectLocalAddress: text(({ connection }) => connection.directLocalAddress),
  downstreamRemoteAddress: text(({ remoteAddress, connection }) => remoteAddress ?? connection.remoteAddress),
  downstreamDirectRemoteAddress: text(({ connection }) => connection.directRemoteAddress),
  requestedServerName: text(({ connection }) => connection.requestedServerName ?? ''),
  dynamicTypedMetadata: noTypedMetadata(STREAM_INFO),
  dynamicMetadata: (machine, state) => {
    runOf(machine, state, STREAM_INFO)
    return pushObject(machine, state, DYNAMIC_METADATA, STREAM_METADATA)
  },
  filterState: (machine, state) => {
    runOf(machine, state, STREAM_INFO)
    return pushObject(machine, state, FILTER_STATE)
  },
  downstreamSslConnection: (machine, state) => {
    if (runOf(machine, state, STREAM_INFO).filter.callbacks.info.connection.ssl === null) return pushNil(machine, state)
    return pushObject(machine, state, SSL)
  },
  drainConnectionUponCompletion: (machine, state) => {
    runOf(machine, state, STREAM_INFO).filter.callbacks.drainConnection()
    return 0
  },
}

export const FILTER_STATE_METHODS: Readonly<Record<string, HostFunction>> = {
  get: (machine, state) => {
    const { filterState } = runOf(machine, state, FILTER_STATE).filter.callbacks.info
    const name = textArgument(machine, state, 2)
    const value = filterStateText(filterState?.get(Buffer.from(name, 'latin1').toString('utf8')))
    if (value === null) return 0
    machine.pushText(state, value)
    return 1
  },
  set: (machine, state) => {
    const { info } = runOf(machine, state, FILTER_STATE).filter.callbacks
    const name = textArgument(machine, state, 2)
    const factory = textArgument(machine, state, 3)
    const object = filterStateObject(factory, textArgument(machine, state, 4))
    if (object === null) return machine.raise(state, `filterState():set(): ${factory} makes no object of this text`)
    info.filterState ??= new Map()
    info.filterState.set(Buffer.from(name, 'latin1').toString('utf8'), object)
    return 0
  },
}

export const CONNECTION_STREAM_INFO_METHODS: Readonly<Record<string, HostFunction>> = {
  dynamicTypedMetadata: noTypedMetadata(CONNECTION_STREAM_INFO),
  dynamicMetadata: (machine, state) => {
    runOf(machine, state, CONNECTION_STREAM_INFO)
    return pushObject(machine, state, DYNAMIC_METADATA, CONNECTION_METADATA)
  },
}
