// The HTTP service: the request's head goes there, its answer decides.
import type {
  AuthorizationResponseJson,
  ExtAuthzJson,
  HttpServiceJson,
} from '#api/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileListStringMatcher,
  durationMs,
  type StringPredicate,
} from '../../../config/index.ts'
import {
  CONTENT_LENGTH,
  compileHeaderMutations,
  HeaderMap,
  type HeaderMutations,
  HeaderName,
  HOST,
  reasonPhrase,
  X_ENVOY_INTERNAL,
} from '../../../http/index.ts'
import type { Span } from '../../../observability/index.ts'
import {
  AsyncRequest,
  type AsyncRequestCallbacks,
  type AsyncResponse,
  type AsyncStreamOptions,
  checkServiceCluster,
  compileServiceRetryPolicy,
  httpCallSpan,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import {
  AddHeader,
  AppendHeader,
  CHECK_FAILED,
  type CheckCallbacks,
  type CheckResult,
  type CheckService,
  type CheckSubject,
  checkResult,
  type HeaderChange,
  SetHeader,
} from './check.ts'

/** As Envoy, where the policy does not say. */
const RETRY_ON = '5xx,gateway-error,connect-failure,reset'
const MAX_RESPONSE_BYTES = 65_536
const HEADERS_TO_REMOVE = HeaderName.of('x-envoy-auth-headers-to-remove')
const PARTIAL_BODY = HeaderName.of('x-envoy-auth-partial-body')
const ALWAYS_TO_CLIENT = new Set(['www-authenticate', 'location', 'content-length'])
/** They belong to one connection, never to the next (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const NOTHING: StringPredicate = () => false

interface ResponseMatchers {
  readonly upstream: StringPredicate
  readonly upstreamAppend: StringPredicate
  readonly client: StringPredicate
  readonly clientOnSuccess: StringPredicate
  readonly metadata: StringPredicate
}

export class HttpCheckService implements CheckService {
  private readonly options: AsyncStreamOptions
  private readonly pathPrefix: string
  private readonly pathOverride: string
  private readonly sends: StringPredicate
  private readonly additions: HeaderMutations
  private readonly matchers: ResponseMatchers
  private readonly emitsSpan: boolean

  constructor(json: HttpServiceJson, filter: ExtAuthzJson, context: CompileContext, path: ConfigPath) {
    const uri = json.serverUri
    checkServiceCluster(uri?.cluster ?? '', context, path.field('server_uri').field('cluster'))
    const { retryPolicy: retry } = json
    const retryPolicy =
      retry === undefined ? null : compileServiceRetryPolicy(retry, RETRY_ON, context, path.field('retry_policy'))
    this.options = { cluster: uri?.cluster ?? '', timeoutMs: durationMs(uri?.timeout, 0), retryPolicy }
    this.emitsSpan = filter.emitClientSpan ?? true
    this.pathPrefix = json.pathPrefix ?? ''
    this.pathOverride = json.pathOverride ?? ''
    this.sends = compileSentHeaders(json, filter, context, path)
    const add = json.authorizationRequest?.headersToAdd?.map(header => ({
      header,
      appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' as const,
    }))
    const at = path.field('authorization_request').field('headers_to_add')
    this.additions = compileHeaderMutations(add, undefined, context, at)
    this.matchers = compileMatchers(json.authorizationResponse ?? {}, context, path.field('authorization_response'))
  }

  prepare(): void {}

  check(thread: UpstreamThread, subject: CheckSubject, callbacks: CheckCallbacks): { cancel(): void } {
    const body = subject.body === null || subject.body.length === 0 ? null : subject.body
    const { cluster } = this.options
    const span = this.emitsSpan ? httpCallSpan(subject.info, thread, cluster) : null
    const exchange: AsyncRequestCallbacks = {
      onAsyncResponse: response => {
        if (span?.sampled === true) describe(span, response.headers.status)
        callbacks.onCheckComplete(this.read(response))
      },
      onAsyncFailure: () => callbacks.onCheckComplete(CHECK_FAILED),
    }
    const headers = this.requestHeaders(subject, body)
    return AsyncRequest.send(thread.asyncClient, this.options, headers, body, MAX_RESPONSE_BYTES, exchange, span)
  }

  private requestHeaders({ headers: request, info, body, partial }: CheckSubject, sent: Buffer | null): HeaderMap {
    const headers = HeaderMap.acquire()
    headers.method = request.method
    headers.scheme = request.scheme
    headers.path = this.pathOverride === '' ? this.pathPrefix + request.path : this.pathOverride
    headers.append(HOST, request.authority)
    headers.append(CONTENT_LENGTH, String(sent?.length ?? 0))
    for (let i = 0; i < request.length; i++) {
      if (request.isRemoved(i)) continue
      const name = request.nameAt(i)
      if (name === 'host' || name === 'content-length' || HOP_BY_HOP.has(name) || !this.sends(name)) continue
      join(headers, HeaderName.of(name), request.valueAt(i))
    }
    if (body !== null) headers.set(PARTIAL_BODY, String(partial))
    this.additions.apply(headers, request, null, info)
    headers.set(X_ENVOY_INTERNAL, 'true')
    return headers
  }

  private read({ headers, body }: AsyncResponse): CheckResult {
    const { status } = headers
    if (status >= 500) return CHECK_FAILED
    const { matchers } = this
    if (status !== 200) {
      return checkResult({
        outcome: 'denied',
        status,
        body: body.toString('latin1'),
        // Without a body its length is said by whoever sends the answer.
        clientHeaders: changes(headers, matchers.client, AddHeader).filter(
          ({ name }) => name !== CONTENT_LENGTH || body.length > 0,
        ),
      })
    }
    return checkResult({
      outcome: 'ok',
      requestChanges: [
        ...changes(headers, matchers.upstream, SetHeader),
        ...changes(headers, matchers.upstreamAppend, AppendHeader),
      ],
      requestRemovals: removals(headers),
      responseChanges: changes(headers, matchers.clientOnSuccess, AddHeader),
      metadata: metadataOf(headers, matchers.metadata),
    })
  }
}

/** As Envoy: one line with all values, whatever the service looks at. */
function join(headers: HeaderMap, name: HeaderName, value: string): void {
  const before = headers.get(name)
  if (before === undefined) headers.append(name, value)
  else headers.set(name, `${before},${value}`)
}

function changes(headers: HeaderMap, wanted: StringPredicate, kind: HeaderChange['kind']): HeaderChange[] {
  const list: HeaderChange[] = []
  headers.forEach((name, value) => {
    if (wanted(name) && !HOP_BY_HOP.has(name)) list.push({ name: HeaderName.of(name), value, kind })
  })
  return list
}

function removals(headers: HeaderMap): readonly HeaderName[] {
  return headers
    .getAll(HEADERS_TO_REMOVE)
    .flatMap(line => line.split(','))
    .map(name => name.trim())
    .filter(name => name !== '' && !name.startsWith(':') && name.toLowerCase() !== 'host')
    .map(name => HeaderName.of(name))
}

function metadataOf(headers: HeaderMap, wanted: StringPredicate): Record<string, unknown> | null {
  let metadata: Record<string, unknown> | null = null
  headers.forEach((name, value) => {
    if (wanted(name)) (metadata ??= {})[name] = value
  })
  return metadata
}

/** Which headers of the request the service gets: authorization, and what is configured. */
function compileSentHeaders(
  json: HttpServiceJson,
  filter: ExtAuthzJson,
  context: CompileContext,
  path: ConfigPath,
): StringPredicate {
  const { allowedHeaders, disallowedHeaders } = filter
  const own = json.authorizationRequest?.allowedHeaders
  const at = path.field('authorization_request').field('allowed_headers')
  const allowed =
    allowedHeaders !== undefined
      ? compileListStringMatcher(allowedHeaders, context, path)
      : own === undefined
        ? NOTHING
        : compileListStringMatcher(own, context, at)
  const disallowed =
    disallowedHeaders === undefined ? NOTHING : compileListStringMatcher(disallowedHeaders, context, path)
  return name => !disallowed(name) && (name === 'authorization' || allowed(name))
}

function compileMatchers(json: AuthorizationResponseJson, context: CompileContext, path: ConfigPath): ResponseMatchers {
  const list = (field: 'Upstream' | 'Append' | 'Client' | 'Success' | 'Metadata'): StringPredicate | null => {
    const [patterns, name] = {
      Upstream: [json.allowedUpstreamHeaders, 'allowed_upstream_headers'] as const,
      Append: [json.allowedUpstreamHeadersToAppend, 'allowed_upstream_headers_to_append'] as const,
      Client: [json.allowedClientHeaders, 'allowed_client_headers'] as const,
      Success: [json.allowedClientHeadersOnSuccess, 'allowed_client_headers_on_success'] as const,
      Metadata: [json.dynamicMetadataFromHeaders, 'dynamic_metadata_from_headers'] as const,
    }[field]
    return patterns === undefined ? null : compileListStringMatcher(patterns, context, path.field(name))
  }
  const client = list('Client')
  return {
    upstream: list('Upstream') ?? NOTHING,
    upstreamAppend: list('Append') ?? NOTHING,
    // Without a list the client gets everything.
    client: client === null ? () => true : name => ALWAYS_TO_CLIENT.has(name) || client(name),
    clientOnSuccess: list('Success') ?? NOTHING,
    metadata: list('Metadata') ?? NOTHING,
  }
}

function describe(span: Span, status: number): void {
  span.setTag('ext_authz_http_status', reasonPhrase(status))
  span.setTag('ext_authz_status', status === 200 ? 'ext_authz_ok' : 'ext_authz_unauthorized')
}
