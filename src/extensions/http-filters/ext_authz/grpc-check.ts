// The gRPC service: envoy.service.auth.v3.Authorization/Check.
import type { GrpcServiceJson } from '#api/envoy/config/core/v3/grpc_service_pb.ts'
import type { ExtAuthzJson } from '#api/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts'
import { type CompileContext, type ConfigPath, compileListStringMatcher } from '../../../config/index.ts'
import { HeaderName, isServiceField } from '../../../http/index.ts'
import {
  type AuthorizationCallbacks,
  AuthorizationService,
  type CheckResponse,
  type HeaderOption,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import { type AttributeSettings, checkAttributes } from './attributes.ts'
import {
  AddHeader,
  AddIfAbsent,
  CHECK_FAILED,
  type CheckCallbacks,
  type CheckResult,
  type CheckService,
  type CheckSubject,
  checkResult,
  type HeaderChange,
  JoinHeader,
  SetHeader,
  SetIfPresent,
} from './check.ts'

const FORBIDDEN = 403

export class GrpcCheckService implements CheckService {
  private readonly service: AuthorizationService
  private readonly attributes: AttributeSettings
  private readonly emitsSpan: boolean

  constructor(json: GrpcServiceJson, filter: ExtAuthzJson, context: CompileContext, path: ConfigPath) {
    this.service = new AuthorizationService(json, context, path.field('grpc_service'))
    this.emitsSpan = filter.emitClientSpan ?? true
    const { allowedHeaders, disallowedHeaders } = filter
    const allowed =
      allowedHeaders === undefined
        ? null
        : compileListStringMatcher(allowedHeaders, context, path.field('allowed_headers'))
    const disallowed =
      disallowedHeaders === undefined
        ? null
        : compileListStringMatcher(disallowedHeaders, context, path.field('disallowed_headers'))
    this.attributes = {
      sends: name => (allowed === null || allowed(name)) && (disallowed === null || !disallowed(name)),
      namespaces: filter.metadataContextNamespaces ?? [],
      routeNamespaces: filter.routeMetadataContextNamespaces ?? [],
      rawHeaders: filter.encodeRawHeaders === true,
      asBytes: filter.withRequestBody?.packAsBytes === true,
      peer: { peerCertificate: filter.includePeerCertificate ?? false, tlsSession: filter.includeTlsSession ?? false },
    }
  }

  prepare(): void {
    this.service.prepare()
  }

  check(thread: UpstreamThread, subject: CheckSubject, callbacks: CheckCallbacks): { cancel(): void } {
    const answered: AuthorizationCallbacks = {
      onCheckResponse: response => callbacks.onCheckComplete(response === null ? CHECK_FAILED : read(response)),
    }
    const info = this.emitsSpan ? subject.info : null
    return this.service.check(thread, checkAttributes(subject, this.attributes), answered, info)
  }
}

function read(response: CheckResponse): CheckResult {
  const { httpResponse } = response
  const metadata = response.dynamicMetadata ?? null
  if ((response.status?.code ?? 0) === 0) {
    const ok = httpResponse.case === 'okResponse' ? httpResponse.value : null
    return checkResult({
      outcome: 'ok',
      requestChanges: (ok?.headers ?? []).flatMap(requestChange),
      requestRemovals: (ok?.headersToRemove ?? []).filter(isRemovable).map(name => HeaderName.of(name)),
      responseChanges: (ok?.responseHeadersToAdd ?? []).flatMap(responseChange),
      querySet: (ok?.queryParametersToSet ?? []).map(({ key, value }) => ({ key: wire(key), value: wire(value) })),
      queryRemove: (ok?.queryParametersToRemove ?? []).map(wire),
      metadata: metadata ?? ok?.dynamicMetadata ?? null,
    })
  }
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : null
  return checkResult({
    outcome: 'denied',
    status: denied?.status?.code === undefined || denied.status.code === 0 ? FORBIDDEN : denied.status.code,
    body: wire(denied?.body ?? ''),
    clientHeaders: (denied?.headers ?? []).flatMap(responseChange),
    metadata,
  })
}

const wire = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** The parts of the request line, and the host, are not for removal. */
const isRemovable = (name: string): boolean => name !== '' && !name.startsWith(':') && name.toLowerCase() !== 'host'

function textOf({ header }: HeaderOption): string {
  if (header === undefined) return ''
  return header.rawValue.length > 0 ? Buffer.from(header.rawValue).toString('latin1') : wire(header.value)
}

const FIRST_LINE = new Set([':method', ':path', ':scheme', ':authority'])

/** `append` says whether a header that is there stays; by default it does not. */
function requestChange(option: HeaderOption): HeaderChange[] {
  if (option.header === undefined) return []
  const append = option.append === true
  if (!isServiceField(option.header.key) && (append || !FIRST_LINE.has(option.header.key))) return []
  return [
    { name: HeaderName.of(wire(option.header.key)), value: textOf(option), kind: append ? JoinHeader : SetHeader },
  ]
}

const ACTIONS = [AddHeader, AddIfAbsent, SetHeader, SetIfPresent] as const

function responseChange(option: HeaderOption): HeaderChange[] {
  if (option.header === undefined || !isServiceField(option.header.key)) return []
  const kind =
    option.append === undefined ? (ACTIONS[option.appendAction] ?? AddHeader) : option.append ? AddHeader : SetHeader
  return [{ name: HeaderName.of(wire(option.header.key)), value: textOf(option), kind }]
}
