// A POST with JSON, and its whole answer.
import { CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HOST, X_ENVOY_INTERNAL, X_FORWARDED_FOR } from '../../http/index.ts'
import { ownAddress } from '../../net/index.ts'
import type { AsyncClient, AsyncStreamOptions } from './async-client.ts'
import { AsyncRequest } from './async-request.ts'

export interface JsonPostCallbacks {
  onAnswer(status: number, body: Buffer): void
  /** The answer was cut short, or is larger than allowed. */
  onNoAnswer(): void
}

/** The callbacks may come before this returns. */
export function postJson(
  client: AsyncClient,
  options: AsyncStreamOptions,
  path: string,
  json: string,
  maxBodyBytes: number,
  callbacks: JsonPostCallbacks,
): AsyncRequest {
  const body = Buffer.from(json)
  const headers = HeaderMap.acquire()
  headers.method = 'POST'
  headers.scheme = 'http'
  headers.path = path
  headers.append(HOST, options.cluster)
  headers.append(CONTENT_TYPE, 'application/json')
  headers.append(CONTENT_LENGTH, String(body.length))
  headers.append(X_ENVOY_INTERNAL, 'true')
  headers.append(X_FORWARDED_FOR, ownAddress())
  return AsyncRequest.send(client, options, headers, body, maxBodyBytes, {
    onAsyncResponse: response => callbacks.onAnswer(response.headers.status, response.body),
    onAsyncFailure: () => callbacks.onNoAnswer(),
  })
}
