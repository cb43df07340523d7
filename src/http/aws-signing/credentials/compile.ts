// common.aws.v3.AwsCredentialProvider: which sources are asked, in which order.
import type {
  AwsCredentialProviderJson,
  CredentialsFileCredentialProviderJson,
} from '#api/envoy/extensions/common/aws/v3/credential_provider_pb.ts'
import { type CompileContext, type ConfigPath, dataSourceText, declareSupport } from '../../../config/index.ts'
import { credentialsFile, credentialsOf, environmentCredentials, profileName, profileOf } from './file.ts'
import { containerCredentials, FetchedCredentials, instanceCredentials } from './metadata.ts'
import { CredentialChain, type CredentialSource, ReadCredentials } from './source.ts'

const API = 'envoy.extensions.common.aws.v3'
const NO_STS =
  'tokens of STS and IAM are not fetched here; use container or instance metadata, a file or the environment'
declareSupport(`${API}.AwsCredentialProvider`, {
  supported: [
    'inline_credential',
    'credentials_file_provider',
    'custom_credential_provider_chain',
    'container_credential_provider',
    'environment_credential_provider',
    'instance_profile_credential_provider',
  ],
  refused: {
    assume_role_with_web_identity_provider: NO_STS,
    assume_role_credential_provider: NO_STS,
    iam_roles_anywhere_credential_provider: NO_STS,
    config_credential_provider: NO_STS,
  },
})
declareSupport(`${API}.InlineCredentialProvider`, {
  supported: ['access_key_id', 'secret_access_key', 'session_token'],
})
declareSupport(`${API}.CredentialsFileCredentialProvider`, { supported: ['credentials_data_source', 'profile'] })
for (const name of [
  'ContainerCredentialProvider',
  'EnvironmentCredentialProvider',
  'InstanceProfileCredentialProvider',
]) {
  declareSupport(`${API}.${name}`, { supported: [] })
}

export function compileCredentials(
  json: AwsCredentialProviderJson,
  context: CompileContext,
  path: ConfigPath,
): CredentialSource {
  const { inlineCredential: inline } = json
  if (inline !== undefined) {
    const { accessKeyId = '', secretAccessKey = '', sessionToken = '' } = inline
    const credentials = { accessKeyId, secretAccessKey, sessionToken }
    return new ReadCredentials(() => credentials)
  }
  const all = json.customCredentialProviderChain !== true
  const sources: CredentialSource[] = []
  if (all || json.environmentCredentialProvider !== undefined) sources.push(new ReadCredentials(environmentCredentials))
  const { credentialsFileProvider: file } = json
  if (all || file !== undefined) {
    sources.push(fileSource(file ?? {}, context, path.field('credentials_file_provider')))
  }
  if (all && process.env['AWS_WEB_IDENTITY_TOKEN_FILE']) {
    context.diagnostics.warn(path, `AWS_WEB_IDENTITY_TOKEN_FILE is not used: ${NO_STS}`)
  }
  const container = all || json.containerCredentialProvider !== undefined ? containerCredentials() : null
  if (container !== null) sources.push(new FetchedCredentials('container', container))
  const instance = all ? container === null : json.instanceProfileCredentialProvider !== undefined
  if (instance && process.env['AWS_EC2_METADATA_DISABLED'] !== 'true') {
    sources.push(new FetchedCredentials('instance', () => instanceCredentials()))
  }
  return new CredentialChain(sources)
}

function fileSource(
  { credentialsDataSource: source, profile = '' }: CredentialsFileCredentialProviderJson,
  context: CompileContext,
  path: ConfigPath,
): CredentialSource {
  const name = profileName(profile)
  if (source === undefined) return new ReadCredentials(credentialsFile(name))
  const text = dataSourceText(source, context, path.field('credentials_data_source'))
  const found = text === undefined ? null : credentialsOf(profileOf(text, name))
  return new ReadCredentials(() => found)
}
