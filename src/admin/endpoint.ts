import type { QueryParams } from './query.ts'
import type { Body } from './response-writer.ts'
import type { AdminSources } from './sources.ts'

export interface AdminRequest {
  /** Of the query, or of a form body where a POST carries one. */
  readonly params: QueryParams
  /** Of an endpoint that reads bodies; '' for any other. */
  readonly body: string
  /** Aborted when the client has left, or has been answered. */
  readonly gone: AbortSignal
}

export const TEXT = 'text/plain; charset=UTF-8'
export const JSON_TYPE = 'application/json'
export const HTML = 'text/html; charset=UTF-8'

/** What a handler answers. A long body is an iterable: it is rendered a slice at a time, as the client reads. */
export interface AdminResponse {
  readonly status: number
  readonly contentType: string
  readonly body: Body
  /** The body may pause for as long as it likes. */
  readonly waits?: true
}

export interface EndpointParam {
  readonly name: string
  readonly help: string
  /** Allowed values; left out for free text and for flags. */
  readonly choices?: readonly string[]
}

/** One admin path. Everything the index and /help print about it stands here. */
export interface Endpoint {
  readonly path: string
  readonly help: string
  readonly params?: readonly EndpointParam[]
  /** Changes something, hence needs POST. */
  readonly mutates?: true
  /** Takes the body as it is; otherwise only forms are read, as parameters. */
  readonly readsBody?: true
  handle(request: AdminRequest, sources: AdminSources): AdminResponse | Promise<AdminResponse>
}

export function text(body: string | Iterable<string>, status = 200): AdminResponse {
  return { status, contentType: TEXT, body }
}

/** `value` printed as Envoy prints messages: one space per level. */
export function json(value: unknown, status = 200): AdminResponse {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value, null, 1)}\n` }
}

export const OK = text('OK\n')
