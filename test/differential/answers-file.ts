// A folder's envoy-answers.yaml: configurations of one filter, what is sent through them, and what a real Envoy made of it.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { ProcessorScript } from './processor.ts'

/** One exchange, or several on one connection. */
export interface AnswersCase {
  readonly name: string
  /** See message.ts for the short form. */
  readonly send?: string | readonly string[]
  /** In place of `send`: exact bytes, in pieces, after which `responses` answers are awaited (one by default). */
  readonly bytes?: string | readonly string[]
  readonly responses?: number
  /** In place of `origin`: its exact bytes, and how it ends the connection behind them. */
  readonly origin_bytes?: string
  readonly origin_end?: 'close' | 'reset'
  /** Envoy is laxer here than the RFCs: to refuse is as good. */
  readonly laxer?: boolean
  /** What the origin answers, in the order of the requests it gets; the last one stays. */
  readonly origin?: string | readonly string[]
  /** What the external processor, cluster `processor`, says to each kind of message; see processor.ts. */
  readonly processor?: ProcessorScript
  /** Of the stats whose name matches this pattern, the changes are seen. */
  readonly stats?: string
  /** At least so long it takes, in ms. */
  readonly slow?: number
  /** Recorded, see view.ts. */
  readonly seen?: readonly string[]
}

/** One listener with its own connection manager. */
export interface AnswersUnit {
  readonly about: string
  /** In front of the router. */
  readonly filters?: readonly object[]
  readonly routes?: readonly object[]
  readonly virtual_hosts?: readonly object[]
  readonly route_config?: object
  readonly hcm?: object
  /** Beside `origin`, which is always there. */
  readonly clusters?: readonly object[]
  /** static_resources.secrets; all units share their names. */
  readonly secrets?: readonly object[]
  /** More names that the origin goes by: clusters with it as their only host. */
  readonly origins?: readonly string[]
  readonly runtime?: object
  /** More of the access log's format, such as `%DYNAMIC_METADATA(x)%`. */
  readonly log?: string
  readonly cases: readonly AnswersCase[]
}

export function readAnswers(file: string): readonly AnswersUnit[] {
  return parse(readFileSync(file, 'utf8')) as AnswersUnit[]
}
