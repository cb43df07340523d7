import type { CredentialInjectorJson } from '#api/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  type ExtensionFactory,
  type TypedConfig,
} from '../../../config/index.ts'
import { HeaderName, type HttpFilterPlan } from '../../../http/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import type { Credential } from './credential.ts'
import { CREDENTIAL_INJECTOR_STATS, CredentialInjector, type InjectorPlan } from './credential-injector.ts'

export { clientCredentialsFactory } from './client-credentials.ts'
export { genericCredentialFactory } from './generic.ts'

const TYPE = 'envoy.extensions.filters.http.credential_injector.v3.CredentialInjector'
const NAME = 'envoy.filters.http.credential_injector'

declareSupport(TYPE, { supported: ['overwrite', 'allow_request_without_credential', 'credential'] })

/** envoy.filters.http.credential_injector */
export const credentialInjectorFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [TYPE],
  compile: (config, context, path) => {
    const json = config as CredentialInjectorJson
    const credential = compileCredential((json.credential ?? {}) as TypedConfig, context, path.field('credential'))
    const plan: InjectorPlan = {
      credential,
      overwrite: json.overwrite === true,
      allowWithout: json.allowRequestWithoutCredential === true,
    }
    let stats: StatBlock
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => {
        const own = `${prefix}credential_injector.`
        stats = thread.stats.block(own, CREDENTIAL_INJECTOR_STATS)
        credential.start(thread, own)
      },
      create: () => new CredentialInjector(plan, stats),
    }
  },
}

/** After a diagnostic. */
const NONE: Credential = { header: HeaderName.of('authorization'), start() {}, value: () => null }

function compileCredential(json: TypedConfig, context: CompileContext, path: ConfigPath): Credential {
  const factory = context.extensions.find('envoy.http.injected_credentials', json, context, path)
  if (factory === undefined) return NONE
  return factory.compile(json.typedConfig as object, context, path.field('typed_config')) as Credential
}
