import type { CidrRangeJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { HttpConnectionManagerJson } from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { CustomHeaderConfigJson } from '#api/envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header_pb.ts'
import type { XffConfigJson } from '#api/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.ts'
import { type CompileContext, type ConfigPath, typeName } from '../config/index.ts'
import { HeaderName } from '../http/index.ts'
import { type Cidr, parseCidr, parseIp } from '../net/index.ts'
import { lastAddress } from './forwarded.ts'
import type { DetectedAddress, OriginalIpDetector } from './plan.ts'

const XFF = 'envoy.extensions.http.original_ip_detection.xff.v3.XffConfig'
const CUSTOM_HEADER = 'envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig'

/** original_ip_detection_extensions: where the client's address is read from, first answer wins. */
export function compileOriginalIpDetectors(
  config: HttpConnectionManagerJson,
  context: CompileContext,
  path: ConfigPath,
): readonly OriginalIpDetector[] {
  const extensions = config.originalIpDetectionExtensions ?? []
  if (extensions.length > 0 && config.useRemoteAddress === true) {
    context.diagnostics.error(
      path.field('original_ip_detection_extensions'),
      'original_ip_detection_extensions need use_remote_address to be off',
    )
  }
  if (extensions.length > 0 && (config.xffNumTrustedHops ?? 0) > 0) {
    context.diagnostics.error(
      path.field('xff_num_trusted_hops'),
      'xff_num_trusted_hops has no effect beside original_ip_detection_extensions: set it on the xff extension',
    )
  }
  return extensions.flatMap((extension, index) => {
    const detector = compileDetector(extension, context, path.field('original_ip_detection_extensions').index(index))
    return detector === undefined ? [] : [detector]
  })
}

function compileDetector(
  extension: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): OriginalIpDetector | undefined {
  const type = typeName(extension.typedConfig ?? {})
  if (type === XFF) return xffDetector(extension.typedConfig as XffConfigJson, context, path.field('typed_config'))
  if (type === CUSTOM_HEADER) return customHeaderDetector(extension.typedConfig as CustomHeaderConfigJson)
  context.diagnostics.error(path.field('typed_config'), `no original IP detection extension reads ${type}`, {
    expected: `${XFF} or ${CUSTOM_HEADER}`,
    found: type,
  })
  return undefined
}

function xffDetector(config: XffConfigJson, context: CompileContext, path: ConfigPath): OriginalIpDetector {
  const hops = config.xffNumTrustedHops ?? 0
  const appendsForwardedFor = config.skipXffAppend === false
  const { xffTrustedCidrs } = config as XffConfigJson & TrustedCidrs
  if (xffTrustedCidrs !== undefined) {
    if (hops > 0) {
      context.diagnostics.error(path.field('xff_num_trusted_hops'), 'goes not together with xff_trusted_cidrs')
    }
    const ranges = (xffTrustedCidrs.cidrs ?? []).map(parseCidr).filter((range): range is Cidr => range !== null)
    const isTrusted = (address: string): boolean => {
      const ip = parseIp(address)
      return ip !== null && ranges.some(range => range.contains(ip))
    }
    return {
      appendsForwardedFor,
      detect: (forwardedFor, _header, peer) =>
        forwardedFor === undefined || !isTrusted(peer) ? null : lastStranger(forwardedFor, isTrusted),
    }
  }
  return {
    appendsForwardedFor,
    detect: forwardedFor => {
      const found = forwardedFor === undefined ? null : lastAddress(forwardedFor, hops)
      return found === null ? null : { address: found.address, trusted: found.single, rejectStatus: 0 }
    },
  }
}

/** Fields younger than the package that the types come from. */
interface TrustedCidrs {
  readonly xffTrustedCidrs?: { readonly cidrs?: readonly CidrRangeJson[] }
}

/** The last address that is none of the trusted ones, or the first of all. */
function lastStranger(forwardedFor: string, isTrusted: (address: string) => boolean): DetectedAddress | null {
  const addresses = forwardedFor.split(',').map(part => part.trim())
  let found = ''
  for (let i = addresses.length - 1; i >= 0; i--) {
    found = addresses[i]!
    if (parseIp(found) === null) return null
    if (!isTrusted(found)) break
  }
  return { address: found, trusted: addresses.length === 1, rejectStatus: 0 }
}

function customHeaderDetector(config: CustomHeaderConfigJson): OriginalIpDetector {
  const name = HeaderName.of(config.headerName ?? '')
  const trusted = config.allowExtensionToSetAddressAsTrusted ?? false
  const rejectStatus = statusCode(config.rejectWithStatus?.code)
  return {
    appendsForwardedFor: false,
    detect: (_forwardedFor, header) => {
      const value = header(name)?.trim()
      if (value !== undefined && parseIp(value) !== null) return { address: value, trusted, rejectStatus: 0 }
      return config.rejectWithStatus === undefined ? null : { address: '', trusted: false, rejectStatus }
    },
  }
}

/** envoy.type.v3.HttpStatus names, such as 'Forbidden', as numbers; outside 4xx and 5xx Envoy says 403. */
function statusCode(code: string | number | undefined): number {
  const numbers: Readonly<Record<string, number>> = {
    BadRequest: 400,
    Unauthorized: 401,
    PaymentRequired: 402,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    NotAcceptable: 406,
    RequestTimeout: 408,
    Conflict: 409,
    Gone: 410,
    PreconditionFailed: 412,
    MisdirectedRequest: 421,
    UnprocessableEntity: 422,
    Locked: 423,
    FailedDependency: 424,
    PreconditionRequired: 428,
    TooManyRequests: 429,
    InternalServerError: 500,
    NotImplemented: 501,
    BadGateway: 502,
    ServiceUnavailable: 503,
    GatewayTimeout: 504,
  }
  return typeof code === 'string' ? (numbers[code] ?? 403) : 403
}
