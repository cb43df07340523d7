// The external processor of a case: what it says to each kind of message, and what it was told.
import type { JsonValue } from '@bufbuild/protobuf'
import { type JsonMessage, ScriptedGrpc, type ServiceStream } from '../harness/index.ts'
import { field } from './view.ts'

/**
 * One answer: a ProcessingResponse in JSON, whose bytes are plain text here. Beside it: `after` so many ms, `also` further
 * answers, `close` to end the stream, `grpc_status` to fail it. Null: nothing is said.
 */
export interface ProcessorStep {
  readonly after?: number
  readonly also?: readonly ProcessorStep[]
  readonly close?: boolean
  readonly grpc_status?: number
  readonly [response: string]: JsonValue | readonly ProcessorStep[] | undefined
}

/** By kind of message; of a list each message of that kind gets one, and the last one stays. */
export type ProcessorScript = Readonly<Record<string, ProcessorStep | null | readonly (ProcessorStep | null)[]>>

const BYTES = new Set(['body', 'raw_value'])
const METHOD = {
  path: '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
  request: 'envoy.service.ext_proc.v3.ProcessingRequest',
  response: 'envoy.service.ext_proc.v3.ProcessingResponse',
}

/** Texts under the names of bytes fields, encoded as JSON has them; or decoded. */
function mapBytes(value: JsonValue, convert: (text: string) => string): JsonValue {
  if (Array.isArray(value)) return value.map(item => mapBytes(item, convert))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      BYTES.has(key) && typeof item === 'string' ? convert(item) : mapBytes(item, convert),
    ]),
  )
}

const toBase64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64')
const toText = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1')

interface HeadersJson {
  readonly headers?: readonly { readonly key?: string; readonly value?: string; readonly raw_value?: string }[]
}

const headerText = ({ headers = [] }: HeadersJson): string =>
  headers
    .map(({ key = '', value, raw_value: raw = '' }) => field([key, value === undefined ? raw : `(text) ${value}`]))
    .join(' | ')

/** Maps have no order of their own. */
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]))
}

const shorten = (text: string): string => (text.length > 200 ? `${text.slice(0, 20)}... (${text.length} bytes)` : text)

/** A body's pieces are cut where reads happen to end: of messages in a row it is shown whole. */
interface ShownBody {
  readonly kind: string
  readonly text: string
  /** What else the first piece's message said. */
  readonly others: JsonMessage
}

/** One line of what a message says. */
function lineOf(kind: string, message: JsonMessage): string {
  const part = message[kind] as Record<string, JsonValue> | undefined
  const { [kind]: _, ...others } = message
  const shown: string[] = [kind]
  if (part !== undefined) {
    if (part['headers'] !== undefined) shown.push(headerText(part['headers'] as HeadersJson))
    if (part['trailers'] !== undefined) shown.push(headerText(part['trailers'] as HeadersJson))
    if (/_body$/.test(kind)) shown.push(JSON.stringify(shorten((part['body'] ?? '') as string)))
    if (part['end_of_stream'] === true) shown.push('end')
  }
  if (Object.keys(others).length > 0) shown.push(JSON.stringify(sorted(others)))
  return `p ${shown.join(' ')}`
}

export class Processor {
  readonly service: ScriptedGrpc
  lines: string[] = []
  private script: ProcessorScript = {}
  private counts = new Map<string, number>()
  private body: ShownBody | null = null

  private constructor(service: ScriptedGrpc) {
    this.service = service
    service.script = { onMessage: (message, stream) => this.onMessage(message, stream) }
  }

  static async start(): Promise<Processor> {
    return new Processor(await ScriptedGrpc.start(METHOD))
  }

  play(script: ProcessorScript): void {
    this.script = script
    this.lines = []
    this.counts = new Map()
    this.body = null
  }

  private onMessage(raw: JsonMessage, stream: ServiceStream): void {
    const message = mapBytes(raw, toText) as JsonMessage
    const kind = Object.keys(message).find(name => /^(request|response)_/.test(name)) ?? 'nothing'
    this.note(kind, message)
    const count = this.counts.get(kind) ?? 0
    this.counts.set(kind, count + 1)
    const steps = this.script[kind]
    const step = Array.isArray(steps) ? steps[Math.min(count, steps.length - 1)] : (steps as ProcessorStep | undefined)
    if (step !== null && step !== undefined) this.say(step, stream)
  }

  private note(kind: string, message: JsonMessage): void {
    const part = message[kind] as Record<string, JsonValue> | undefined
    if (!/_body$/.test(kind) || part === undefined) {
      this.body = null
      this.lines.push(lineOf(kind, message))
      return
    }
    const text = (part['body'] ?? '') as string
    if (this.body?.kind !== kind) {
      this.body = { kind, text, others: message }
      this.lines.push(lineOf(kind, message))
      return
    }
    const whole = this.body.text + text
    this.body = { ...this.body, text: whole }
    this.lines[this.lines.length - 1] = lineOf(kind, { ...this.body.others, [kind]: { ...part, body: whole } })
  }

  private say(step: ProcessorStep, stream: ServiceStream): void {
    const { after = 0, also = [], close, grpc_status: status, ...response } = step
    if (after > 0) {
      setTimeout(() => this.say({ ...step, after: 0 }, stream), after)
      return
    }
    if (Object.keys(response).length > 0) stream.send(mapBytes(response as JsonValue, toBase64) as JsonMessage)
    for (const more of also) this.say(more, stream)
    if (close === true) stream.end()
    if (status !== undefined) stream.end(status, 'said the processor')
  }
}
