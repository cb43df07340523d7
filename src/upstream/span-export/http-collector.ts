// A collector that takes batches of spans by HTTP POST.
import type { HttpServiceJson } from '#api/envoy/config/core/v3/http_service_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs } from '../../config/index.ts'
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  HeaderMap,
  HeaderName,
  HOST,
  X_ENVOY_INTERNAL,
  X_FORWARDED_FOR,
} from '../../http/index.ts'
import { ownAddress } from '../../net/index.ts'
import type { AsyncStreamOptions } from '../async-client/async-client.ts'
import { AsyncRequest } from '../async-client/async-request.ts'
import { checkServiceCluster } from '../async-client/grpc-service.ts'
import type { UpstreamThread } from '../cluster-manager.ts'

declareSupport('envoy.config.core.v3.HttpService', {
  supported: ['http_uri', 'request_headers_to_add'],
  refused: { formatters: 'formatter extensions are not part of this release; headers of collectors are constant' },
})

export interface ConstantHeader {
  readonly name: HeaderName
  readonly value: string
}

export interface CollectorAddress {
  readonly cluster: string
  /** For the host header. */
  readonly host: string
  readonly path: string
  readonly headers: readonly ConstantHeader[]
  /** 0: none. */
  readonly timeoutMs: number
}

/** Such answers are short; what is longer is not read. */
const MAX_ANSWER_BYTES = 64 * 1024
/** A collector that does not answer shall not be given ever more. */
const MAX_POSTS = 32
const WITH_SCHEME = /^[a-z][a-z0-9+.-]*:\/\/([^/]*)(\/.*)?$/i

/** core.v3.HttpService; a URI without a scheme is a path, and the host is the cluster's name. */
export function compileHttpService(
  { httpUri, requestHeadersToAdd }: HttpServiceJson,
  context: CompileContext,
  path: ConfigPath,
): CollectorAddress {
  const { cluster = '', uri = '', timeout } = httpUri ?? {}
  checkServiceCluster(cluster, context, path.field('http_uri').field('cluster'))
  const parts = WITH_SCHEME.exec(uri)
  const at = path.field('request_headers_to_add')
  return {
    cluster,
    host: toWireText(parts?.[1] || cluster),
    path: toWireText(parts === null ? uri : (parts[2] ?? '/')),
    timeoutMs: durationMs(timeout, 0),
    headers: (requestHeadersToAdd ?? []).map(({ header }, i) => {
      const { key = '', value = '' } = header ?? {}
      if (value.includes('%')) {
        context.diagnostics.error(at.index(i).field('header').field('value'), 'headers of collectors are constant', {
          expected: 'a value without %',
          found: value,
        })
      }
      return { name: HeaderName.of(key), value: toWireText(value) }
    }),
  }
}

/** What became of a batch: the status of the answer and its body; 0: it was cut short. */
export type PostOutcome = (status: number, body: Buffer) => void

const NO_BYTES = Buffer.alloc(0)
const NO_HEADERS: readonly ConstantHeader[] = []

export class HttpCollector {
  private readonly thread: UpstreamThread
  private readonly address: CollectorAddress
  private readonly contentType: string
  private options: AsyncStreamOptions
  private posts = 0

  constructor(thread: UpstreamThread, address: CollectorAddress, contentType: string) {
    this.thread = thread
    this.address = address
    this.contentType = contentType
    this.options = { cluster: address.cluster, timeoutMs: address.timeoutMs, retryPolicy: null }
  }

  get hasCluster(): boolean {
    return this.thread.clusters.get(this.address.cluster) !== undefined
  }

  /** False: too many are under way. `done` may be called before this returns. */
  post(body: Buffer, timeoutMs: number, done: PostOutcome, more: readonly ConstantHeader[] = NO_HEADERS): boolean {
    if (this.posts >= MAX_POSTS) return false
    // The async client knows callers by their options.
    if (this.options.timeoutMs !== timeoutMs) this.options = { ...this.options, timeoutMs }
    this.posts++
    const end: PostOutcome = (status, answer) => {
      this.posts--
      done(status, answer)
    }
    AsyncRequest.send(this.thread.asyncClient, this.options, this.head(body.length, more), body, MAX_ANSWER_BYTES, {
      onAsyncResponse: answer => end(answer.headers.status, answer.body),
      onAsyncFailure: () => end(0, NO_BYTES),
    })
    return true
  }

  private head(bodyBytes: number, more: readonly ConstantHeader[]): HeaderMap {
    const { address } = this
    const headers = HeaderMap.acquire()
    headers.method = 'POST'
    headers.scheme = 'http'
    headers.path = address.path
    headers.append(HOST, address.host)
    headers.append(CONTENT_TYPE, this.contentType)
    headers.append(CONTENT_LENGTH, String(bodyBytes))
    for (const { name, value } of address.headers) headers.set(name, value)
    for (const { name, value } of more) headers.set(name, value)
    headers.append(X_ENVOY_INTERNAL, 'true')
    headers.append(X_FORWARDED_FOR, ownAddress())
    return headers
  }
}
