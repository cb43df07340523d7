// aws_lambda's configuration, compiled.
import type { ConfigJson, PerRouteConfigJson } from '#api/envoy/extensions/filters/http/aws_lambda/v3/aws_lambda_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import {
  type CredentialSource,
  compileCredentials,
  compileSigned,
  type SignerSettings,
  SigV4,
} from '../../../http/index.ts'
import { statTemplate } from '../../../observability/index.ts'

export const API = 'envoy.extensions.filters.http.aws_lambda.v3'
declareSupport(`${API}.Config`, {
  supported: [
    'arn',
    'payload_passthrough',
    'invocation_mode',
    'host_rewrite',
    'credentials_profile',
    'credentials',
    'match_excluded_headers',
    'match_included_headers',
  ],
})
declareSupport(`${API}.Credentials`, { supported: ['access_key_id', 'secret_access_key', 'session_token'] })
declareSupport(`${API}.PerRouteConfig`, { supported: ['invoke_config'] })

export const LAMBDA_STATS = statTemplate({ counters: ['server_error'], histograms: ['upstream_rq_payload_size'] })

export interface LambdaPlan {
  readonly path: string
  readonly passthrough: boolean
  readonly asynchronous: boolean
  /** '': the request's own host. */
  readonly hostRewrite: string
  readonly settings: SignerSettings
  readonly credentials: CredentialSource
}

export function compileLambda(json: ConfigJson, context: CompileContext, path: ConfigPath): LambdaPlan {
  const arn = json.arn ?? ''
  const parts = arn.split(':')
  if (parts.length < 7 || parts[0] !== 'arn') {
    context.diagnostics.error(path.field('arn'), 'is not the ARN of a function', {
      expected: 'arn:aws:lambda:REGION:ACCOUNT:function:NAME',
      found: arn,
    })
  }
  const { credentials, credentialsProfile: profile } = json
  const { accessKeyId = '', secretAccessKey = '', sessionToken = '' } = credentials ?? {}
  const provider = {
    ...(credentials === undefined ? {} : { inlineCredential: { accessKeyId, secretAccessKey, sessionToken } }),
    ...(profile ? { credentialsFileProvider: { profile }, customCredentialProviderChain: true } : {}),
  }
  return {
    path: `/2015-03-31/functions/${arn}/invocations`,
    passthrough: json.payloadPassthrough ?? false,
    asynchronous: json.invocationMode === 'ASYNCHRONOUS',
    hostRewrite: json.hostRewrite ?? '',
    settings: {
      algorithm: new SigV4(),
      service: 'lambda',
      region: parts[3] ?? '',
      signs: compileSigned(json, context, path),
      queryExpiresS: -1,
    },
    credentials: compileCredentials(provider, context, path),
  }
}

export function compileRouteLambda(
  { invokeConfig = {} }: PerRouteConfigJson,
  context: CompileContext,
  path: ConfigPath,
): LambdaPlan {
  return compileLambda(invokeConfig, context, path.field('invoke_config'))
}
