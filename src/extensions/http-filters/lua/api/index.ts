// Everything that scripts get from TypeScript.
import type { HostFunction, HostTable } from '../vm/host-table.ts'
import { prepareSource } from '../vm/prepare-source.ts'
import { BUFFER_METHODS } from './buffer.ts'
import { CONNECTION_METHODS, PARSED_NAME_METHODS, SSL_METHODS } from './connection.ts'
import { PUBLIC_KEY_METHODS } from './crypto.ts'
import { HANDLE_METHODS, nextChunk, ROUTE_HANDLE_METHODS } from './handle.ts'
import { HEADER_METHODS } from './headers.ts'
import { LOG_FUNCTIONS } from './log.ts'
import { DYNAMIC_METADATA_METHODS, METADATA_METHODS, ROUTE_METHODS, VIRTUAL_HOST_METHODS } from './metadata.ts'
import { MODULE_FUNCTIONS } from './modules.ts'
import { textArgument } from './objects.ts'
import { PATTERN_FUNCTIONS } from './patterns.ts'
import { CONNECTION_STREAM_INFO_METHODS, FILTER_STATE_METHODS, STREAM_INFO_METHODS } from './stream-info.ts'
import { TIME_FUNCTIONS } from './time.ts'

const FUNCTIONS: Readonly<Record<string, HostFunction>> = {
  ...LOG_FUNCTIONS,
  ...MODULE_FUNCTIONS,
  ...TIME_FUNCTIONS,
  ...PATTERN_FUNCTIONS,
  nextChunk,
  prepareSource: (machine, state) => {
    machine.pushText(state, prepareSource(textArgument(machine, state, 1)))
    return 1
  },
  getenv: (machine, state) => {
    const value = process.env[textArgument(machine, state, 1)]
    if (value === undefined) return 0
    machine.pushText(state, Buffer.from(value, 'utf8').toString('latin1'))
    return 1
  },
}

export const HOST_TABLE: HostTable = {
  functions: FUNCTIONS,
  // In the order of the kinds, see objects.ts.
  classes: [
    HANDLE_METHODS,
    HEADER_METHODS,
    BUFFER_METHODS,
    METADATA_METHODS,
    STREAM_INFO_METHODS,
    DYNAMIC_METADATA_METHODS,
    FILTER_STATE_METHODS,
    CONNECTION_METHODS,
    SSL_METHODS,
    PARSED_NAME_METHODS,
    PUBLIC_KEY_METHODS,
    CONNECTION_STREAM_INFO_METHODS,
    VIRTUAL_HOST_METHODS,
    ROUTE_METHODS,
    ROUTE_HANDLE_METHODS,
  ],
}
