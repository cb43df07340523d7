// The operators of Envoy's substitution formatter that have a meaning here. Each compiles once to a function.
import type { Field } from '../format-context.ts'
import { formatTime } from '../start-time.ts'
import { maskedAddressField } from './addresses.ts'
import { commonDurationField } from './durations.ts'
import { grpcStatusField } from './grpc-status.ts'
import {
  headerField,
  headerWithoutQuery,
  pathField,
  queryField,
  queryParameterField,
  serverNameField,
} from './header-fields.ts'
import { anyMetadataField, filterStateField, metadataField } from './metadata-fields.ts'
import { PLAIN_FIELDS } from './plain-fields.ts'
import { validityField } from './tls-fields.ts'

/** Makes the field of an operator's argument and length (-1: none); undefined when they make no sense. */
type Compile = (argument: string, maxLength: number) => Field | undefined

const unlimited =
  (compile: (argument: string) => Field | undefined): Compile =>
  (argument, maxLength) =>
    maxLength < 0 ? compile(argument) : undefined

const nothing: Field = () => null
const details: Field = ({ info }) => info.responseCodeDetails
const startTime = (local: boolean): Compile =>
  unlimited(format => context => formatTime(context.info.startWallMs, format, local))
const emitTime = (local: boolean): Compile => unlimited(format => () => formatTime(Date.now(), format, local))
const validity = (operator: string): Compile => unlimited(format => validityField(operator, format))
const header = (name: string): Compile => {
  return (argument, maxLength) => headerField(name, argument, maxLength)
}

function environment(name: string, maxLength: number): Field {
  const value = process.env[name] ?? '-'
  const text = maxLength < 0 ? value : value.slice(0, maxLength)
  return () => text
}

const NEEDS_ARGUMENT: Readonly<Record<string, Compile>> = {
  REQ: header('REQ'),
  REQUEST_HEADER: header('REQUEST_HEADER'),
  RESP: header('RESP'),
  RESPONSE_HEADER: header('RESPONSE_HEADER'),
  TRAILER: header('TRAILER'),
  RESPONSE_TRAILER: header('RESPONSE_TRAILER'),
  REQ_WITHOUT_QUERY: headerWithoutQuery,
  QUERY_PARAM: queryParameterField,
  COMMON_DURATION: unlimited(commonDurationField),
  ENVIRONMENT: environment,
  DYNAMIC_METADATA: (argument, maxLength) => metadataField('DYNAMIC', argument, maxLength),
  UPSTREAM_METADATA: unlimited(argument => metadataField('UPSTREAM_HOST', argument)),
  CLUSTER_METADATA: unlimited(argument => metadataField('CLUSTER', argument)),
  METADATA: anyMetadataField,
  FILTER_STATE: filterStateField,
  // No filter here shares state with the upstream connection.
  UPSTREAM_FILTER_STATE: () => nothing,
  COALESCE: coalesce,
}

/** With the argument that is meant when there is none. */
const OPTIONAL_ARGUMENT: Readonly<Record<string, readonly [fallback: string, Compile]>> = {
  START_TIME: ['', startTime(false)],
  START_TIME_LOCAL: ['', startTime(true)],
  EMIT_TIME: ['', emitTime(false)],
  EMIT_TIME_LOCAL: ['', emitTime(true)],
  RESPONSE_CODE_DETAILS: [
    '',
    unlimited(form => (form === 'ALLOW_WHITESPACES' ? details : PLAIN_FIELDS['RESPONSE_CODE_DETAILS'])),
  ],
  DOWNSTREAM_PEER_CERT_V_START: ['', validity('DOWNSTREAM_PEER_CERT_V_START')],
  DOWNSTREAM_PEER_CERT_V_END: ['', validity('DOWNSTREAM_PEER_CERT_V_END')],
  UPSTREAM_PEER_CERT_V_START: ['', validity('UPSTREAM_PEER_CERT_V_START')],
  UPSTREAM_PEER_CERT_V_END: ['', validity('UPSTREAM_PEER_CERT_V_END')],
  PATH: ['WQ', pathField],
  QUERY_PARAMS: ['ORIG', queryField],
  GRPC_STATUS: ['CAMEL_STRING', unlimited(grpcStatusField)],
  GRPC_STATUS_NUMBER: ['NUMBER', unlimited(form => (form === 'NUMBER' ? grpcStatusField(form) : undefined))],
  REQUESTED_SERVER_NAME: ['SNI_ONLY', unlimited(serverNameField)],
}

/** `COALESCE({"operators":["TRACE_ID",{"command":"REQ","param":"x-a"}]})`: the first that has a value. */
function coalesce(argument: string, maxLength: number): Field | undefined {
  let operators: unknown
  try {
    operators = (JSON.parse(argument) as { operators?: unknown } | null)?.operators
  } catch {
    // Not JSON: the caller reports the operator with its argument.
    return undefined
  }
  if (!Array.isArray(operators) || operators.length === 0) return undefined
  const fields = operators.map(coalesced)
  if (fields.includes(undefined)) return undefined
  return context => {
    for (const field of fields as Field[]) {
      const value = field(context)
      if (value === null) continue
      return typeof value === 'string' && maxLength >= 0 ? value.slice(0, maxLength) : value
    }
    return null
  }
}

function coalesced(operator: unknown): Field | undefined {
  if (typeof operator === 'string') return compileOperator(operator, undefined, -1)
  if (typeof operator !== 'object' || operator === null) return undefined
  const { command, param, max_length: maxLength = -1 } = operator as Record<string, unknown>
  if (typeof command !== 'string' || typeof maxLength !== 'number') return undefined
  return compileOperator(command, typeof param === 'string' ? param : undefined, maxLength)
}

/** The function of one operator; undefined when it is unknown or its argument makes no sense. */
export function compileOperator(name: string, argument: string | undefined, maxLength: number): Field | undefined {
  if (Object.hasOwn(NEEDS_ARGUMENT, name)) {
    return argument === undefined || argument === '' ? undefined : NEEDS_ARGUMENT[name]!(argument, maxLength)
  }
  if (Object.hasOwn(OPTIONAL_ARGUMENT, name)) {
    const [fallback, compile] = OPTIONAL_ARGUMENT[name]!
    return compile(argument ?? fallback, maxLength)
  }
  if (!Object.hasOwn(PLAIN_FIELDS, name) || maxLength >= 0) return undefined
  if (argument === undefined) return PLAIN_FIELDS[name]
  return name.endsWith('_ADDRESS_WITHOUT_PORT') ? maskedAddressField(name, argument) : undefined
}

const NOT_DECOMPRESSED = 'header bytes are counted as they are sent; use the operator without DECOMPRESSED'

/** Operators of Envoy that are refused, and why. */
export const REFUSED_OPERATORS: Readonly<Record<string, string>> = {
  XFCC_VALUE: 'parts of x-forwarded-client-cert are not taken out; use %REQ(X-FORWARDED-CLIENT-CERT)%',
  ...Object.fromEntries(
    ['UPSTREAM', 'DOWNSTREAM'].flatMap(side =>
      ['SENT', 'RECEIVED'].map(way => [`${side}_DECOMPRESSED_HEADER_BYTES_${way}`, NOT_DECOMPRESSED]),
    ),
  ),
}

/** Names of all operators, for suggestions. */
export const operatorNames: readonly string[] = [
  'CEL',
  'TYPED_CEL',
  ...new Set([NEEDS_ARGUMENT, OPTIONAL_ARGUMENT, PLAIN_FIELDS].flatMap(table => Object.keys(table))),
]
