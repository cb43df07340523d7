// AwsRequestSigning, compiled.
import type {
  AwsRequestSigningJson,
  AwsRequestSigningPerRouteJson,
} from '#api/envoy/extensions/filters/http/aws_request_signing/v3/aws_request_signing_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs } from '../../../config/index.ts'
import {
  type CredentialSource,
  compileCredentials,
  compileSigned,
  defaultRegion,
  profileName,
  type SignerSettings,
  SigV4,
  SigV4A,
} from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

export const API = 'envoy.extensions.filters.http.aws_request_signing.v3'
declareSupport(`${API}.AwsRequestSigning`, {
  supported: [
    'service_name',
    'region',
    'host_rewrite',
    'use_unsigned_payload',
    'match_excluded_headers',
    'match_included_headers',
    'signing_algorithm',
    'query_string',
    'credential_provider',
  ],
})
declareSupport(`${API}.AwsRequestSigning.QueryString`, { supported: ['expiration_time'] })
declareSupport(`${API}.AwsRequestSigningPerRoute`, { supported: ['aws_request_signing', 'stat_prefix'] })

export const S = { ADDED: 0, FAILED: 1, PAYLOAD_ADDED: 2, PAYLOAD_FAILED: 3 } as const
const STATS = statTemplate({
  counters: ['signing_added', 'signing_failed', 'payload_signing_added', 'payload_signing_failed'],
})

const DEFAULT_EXPIRES_MS = 5000

export class SigningPlan {
  readonly settings: SignerSettings
  readonly credentials: CredentialSource
  /** '': the request's own host. */
  readonly hostRewrite: string
  readonly unsignedPayload: boolean
  /** '' for the filter's own stats. */
  private readonly statPrefix: string
  private block: StatBlock | null = null

  constructor(json: AwsRequestSigningJson, statPrefix: string, context: CompileContext, path: ConfigPath) {
    const isSet = json.signingAlgorithm === 'AWS_SIGV4A'
    const provider = json.credentialProvider ?? {}
    const profile = profileName(provider.credentialsFileProvider?.profile ?? '')
    const region = json.region || defaultRegion(isSet, profile)
    if (region === '') {
      context.diagnostics.error(path.field('region'), 'the region is not known', {
        expected: 'a region here, in AWS_REGION or in the AWS config file',
      })
    }
    this.settings = {
      algorithm: isSet ? new SigV4A() : new SigV4(),
      service: json.serviceName ?? '',
      region,
      signs: compileSigned(json, context, path),
      queryExpiresS:
        json.queryString === undefined
          ? -1
          : Math.floor(durationMs(json.queryString.expirationTime, DEFAULT_EXPIRES_MS) / 1000),
    }
    this.credentials = compileCredentials(provider, context, path.field('credential_provider'))
    this.hostRewrite = json.hostRewrite ?? ''
    this.unsignedPayload = json.useUnsignedPayload ?? false
    this.statPrefix = statPrefix
  }

  /** Once per thread; what routes have begins with their first request. `prefix`: of the connection manager. */
  start(thread: ThreadContext, prefix: string): void {
    if (this.block !== null) return
    this.block = thread.stats.block(`${this.statPrefix === '' ? prefix : this.statPrefix}aws_request_signing.`, STATS)
    this.credentials.start()
  }

  count(slot: number): void {
    if (this.block !== null) this.block.cells[slot]! += 1
  }
}

export function compileRoutePlan(
  { awsRequestSigning = {}, statPrefix = '' }: AwsRequestSigningPerRouteJson,
  context: CompileContext,
  path: ConfigPath,
): SigningPlan {
  return new SigningPlan(awsRequestSigning, statPrefix, context, path.field('aws_request_signing'))
}
