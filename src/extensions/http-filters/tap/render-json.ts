// Traces as JSON, exactly as Envoy prints the message envoy.data.tap.v3.TraceWrapper.
import { isUtf8 } from 'node:buffer'
import { endpointOf, ipText } from '../../../net/index.ts'
import {
  isBody,
  type SampleRate,
  type Trace,
  type TracedBody,
  type TracedConnection,
  type TracedFields,
  type TracedMessage,
} from './trace.ts'

/** JSON allows these as they are; protobuf's printer escapes them. */
const ESCAPED = /[<>\x7f\u2028\u2029]/g
const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Text of any bytes; `instead` stands for each that is no UTF-8. */
function textOf(bytes: Buffer, instead: string): string {
  const text = bytes.toString('utf8')
  return isUtf8(bytes) ? text : text.replaceAll('\ufffd', instead)
}

const fieldsOf = (fields: TracedFields): object[] =>
  fields.map(([key, value]) => ({ key, value: textOf(Buffer.from(value, 'latin1'), '!'), raw_value: '' }))

function bodyOf({ bytes, truncated }: TracedBody, asText: boolean): object {
  return asText ? { as_string: textOf(bytes, ' '), truncated } : { as_bytes: bytes.toString('base64'), truncated }
}

/** As protobuf prints times: no more groups of three digits than are needed. */
function timeText(unixMs: number): string {
  const us = Math.round(unixMs * 1000)
  const whole = new Date(Math.floor(us / 1000)).toISOString().slice(0, -1)
  const rest = us % 1000
  if (rest !== 0) return `${whole}${String(rest).padStart(3, '0')}Z`
  return `${whole.replace(/\.000$/, '')}Z`
}

function messageOf({ headers, body, trailers, receivedMs }: TracedMessage, asText: boolean): object {
  return {
    headers: fieldsOf(headers),
    ...(body === null ? {} : { body: bodyOf(body, asText) }),
    trailers: fieldsOf(trailers),
    ...(receivedMs === null ? {} : { headers_received_time: timeText(receivedMs) }),
  }
}

function addressOf(text: string): object {
  const { ip, port } = endpointOf(text)
  if (ip === null) return { pipe: { path: text, mode: 0 } }
  return {
    socket_address: {
      protocol: 'TCP',
      address: ipText(ip),
      port_value: port,
      resolver_name: '',
      ipv4_compat: false,
      network_namespace_filepath: '',
    },
  }
}

const connectionOf = ({ local, remote }: TracedConnection): object => ({
  local_address: addressOf(local),
  remote_address: addressOf(remote),
})

function traceOf(trace: Trace, asText: boolean): object {
  if (trace.kind === 'segment') {
    const { traceId, name, content } = trace
    const piece = isBody(content) ? bodyOf(content, asText) : { headers: fieldsOf(content) }
    return { http_streamed_trace_segment: { trace_id: traceId, [name]: piece } }
  }
  const { request, response, downstream, upstream } = trace
  return {
    http_buffered_trace: {
      request: messageOf(request, asText),
      ...(response === null ? {} : { response: messageOf(response, asText) }),
      ...(downstream === null ? {} : { downstream_connection: connectionOf(downstream) }),
      ...(upstream === null ? {} : { upstream_connection: connectionOf(upstream) }),
    },
  }
}

export function renderJson(trace: Trace, rate: SampleRate | null, asText: boolean): string {
  const whole = { ...traceOf(trace, asText), ...(rate === null ? {} : { configured_sample_rate: rate }) }
  return `${JSON.stringify(whole, null, 1).replace(ESCAPED, escaped)}\n`
}
