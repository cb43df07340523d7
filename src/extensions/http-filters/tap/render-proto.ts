// Traces as envoy.data.tap.v3.TraceWrapper in protobuf's binary form, for files.
import { type MessageCodec, messageCodec } from '../../../config/index.ts'
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

const WRAPPER = 'envoy.data.tap.v3.TraceWrapper'
const DENOMINATORS = ['HUNDRED', 'TEN_THOUSAND', 'MILLION']

/** Field values are text in protobuf: what is no UTF-8 goes where bytes go. */
const fieldsOf = (fields: TracedFields): object[] =>
  fields.map(([key, value]) => {
    const bytes = Buffer.from(value, 'latin1')
    const text = bytes.toString('utf8')
    return Buffer.from(text).equals(bytes) ? { key, value: text } : { key, rawValue: bytes }
  })

const bodyOf = ({ bytes, truncated }: TracedBody): object => ({
  bodyType: { case: 'asBytes', value: bytes },
  truncated,
})

function messageOf({ headers, body, trailers, receivedMs }: TracedMessage): object {
  const time = (unixMs: number) => ({
    seconds: BigInt(Math.floor(unixMs / 1000)),
    nanos: Math.floor((unixMs % 1000) * 1000) * 1000,
  })
  return {
    headers: fieldsOf(headers),
    ...(body === null ? {} : { body: bodyOf(body) }),
    trailers: fieldsOf(trailers),
    ...(receivedMs === null ? {} : { headersReceivedTime: time(receivedMs) }),
  }
}

function addressOf(text: string): object {
  const { ip, port } = endpointOf(text)
  if (ip === null) return { address: { case: 'pipe', value: { path: text } } }
  const value = { address: ipText(ip), portSpecifier: { case: 'portValue', value: port } }
  return { address: { case: 'socketAddress', value } }
}

const connectionOf = ({ local, remote }: TracedConnection): object => ({
  localAddress: addressOf(local),
  remoteAddress: addressOf(remote),
})

const camel = (name: string): string => name.replace(/_(.)/g, (_, char: string) => char.toUpperCase())

function traceOf(trace: Trace): object {
  if (trace.kind === 'segment') {
    const { traceId, name, content } = trace
    const value = isBody(content) ? bodyOf(content) : { headers: fieldsOf(content) }
    const segment = { traceId: BigInt(traceId), messagePiece: { case: camel(name), value } }
    return { case: 'httpStreamedTraceSegment', value: segment }
  }
  const { request, response, downstream, upstream } = trace
  const value = {
    request: messageOf(request),
    ...(response === null ? {} : { response: messageOf(response) }),
    ...(downstream === null ? {} : { downstreamConnection: connectionOf(downstream) }),
    ...(upstream === null ? {} : { upstreamConnection: connectionOf(upstream) }),
  }
  return { case: 'httpBufferedTrace', value }
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 0x7f; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80)
  return Buffer.from([...bytes, value])
}

export class ProtoRenderer {
  private readonly codec: MessageCodec = messageCodec(WRAPPER)
  private readonly delimited: boolean

  constructor(delimited: boolean) {
    this.delimited = delimited
  }

  render(trace: Trace, rate: SampleRate | null): Buffer {
    const fields = {
      trace: traceOf(trace),
      ...(rate === null
        ? {}
        : {
            configuredSampleRate: {
              numerator: rate.numerator,
              denominator: DENOMINATORS.indexOf(rate.denominator),
            },
          }),
    }
    const message = Buffer.from(this.codec.encode(fields))
    return this.delimited ? Buffer.concat([varint(message.length), message]) : message
  }
}
