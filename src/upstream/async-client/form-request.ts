// Forms that filters post to services, such as those of OAuth.
import type { HttpUriJson } from '#api/envoy/config/core/v3/http_uri_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../config/index.ts'
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  HeaderMap,
  HeaderName,
  HOST,
  type RetryPolicyPlan,
  X_ENVOY_INTERNAL,
  X_FORWARDED_FOR,
} from '../../http/index.ts'
import { ownAddress } from '../../net/index.ts'
import type { UpstreamThread } from '../cluster-manager.ts'
import type { AsyncStreamOptions } from './async-client.ts'
import { AsyncRequest, type AsyncRequestCallbacks } from './async-request.ts'
import { checkServiceCluster } from './grpc-service.ts'

const ACCEPT = HeaderName.of('accept')
const AUTHORIZATION = HeaderName.of('authorization')
const URI = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/?#]+)([^#]*)/i

/** Where forms go. */
export class FormService {
  private readonly options: AsyncStreamOptions
  private readonly host: string
  private readonly path: string

  constructor(json: HttpUriJson, retryPolicy: RetryPolicyPlan | null, context: CompileContext, path: ConfigPath) {
    const { cluster = '', uri = '', timeout } = json
    checkServiceCluster(cluster, context, path.field('cluster'))
    this.options = { cluster, timeoutMs: durationMs(timeout, 0), retryPolicy }
    const [, host = '', target = ''] = URI.exec(toWireText(uri)) ?? []
    if (host === '') context.diagnostics.error(path.field('uri'), 'is no URI', { found: uri })
    this.host = host
    this.path = target.startsWith('/') ? target : `/${target}`
  }

  /** `form` is encoded already; an empty `authorization` is left out. The callbacks may come before this returns. */
  post(
    thread: UpstreamThread,
    form: string,
    authorization: string,
    maxResponseBytes: number,
    callbacks: AsyncRequestCallbacks,
  ): AsyncRequest {
    const body = Buffer.from(form, 'latin1')
    const headers = HeaderMap.acquire()
    headers.method = 'POST'
    headers.scheme = 'http'
    headers.path = this.path
    headers.append(HOST, this.host)
    headers.append(CONTENT_TYPE, 'application/x-www-form-urlencoded')
    headers.append(ACCEPT, 'application/json')
    if (authorization !== '') headers.append(AUTHORIZATION, authorization)
    headers.append(CONTENT_LENGTH, String(body.length))
    headers.append(X_ENVOY_INTERNAL, 'true')
    headers.append(X_FORWARDED_FOR, ownAddress())
    return AsyncRequest.send(thread.asyncClient, this.options, headers, body, maxResponseBytes, callbacks)
  }
}
