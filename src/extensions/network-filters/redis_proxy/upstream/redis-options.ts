import type { AddressJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { RedisProtocolOptionsJson } from '#api/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  dataSourceBytes,
  declareSupport,
  type ExtensionFactory,
} from '../../../../config/index.ts'
import { parseAddress } from '../../../../net/index.ts'
import { REDIS_PROXY, type RedisCredentials, type RedisOptions } from '../../../../upstream/index.ts'

const OPTIONS = 'envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions'

declareSupport(OPTIONS, {
  supported: ['auth_password', 'auth_username', 'credentials'],
  refused: { aws_iam: 'tokens of AWS are not made here; use auth_username and auth_password' },
})
declareSupport(`${OPTIONS}.Credential`, { supported: ['address', 'auth_password', 'auth_username'] })

interface CredentialsJson {
  readonly authUsername?: DataSourceJson
  readonly authPassword?: DataSourceJson
}

function compileCredentials(json: CredentialsJson, context: CompileContext, path: ConfigPath): RedisCredentials {
  const read = (source: DataSourceJson | undefined, field: string): string =>
    source === undefined ? '' : (dataSourceBytes(source, context, path.field(field))?.toString('latin1') ?? '')
  return {
    username: read(json.authUsername, 'auth_username'),
    password: read(json.authPassword, 'auth_password'),
  }
}

/** Fields of Envoy releases after the API packages that the types come from. */
interface LaterFields {
  readonly credentials?: readonly (CredentialsJson & { readonly address?: AddressJson })[]
}

export const redisOptionsFactory: ExtensionFactory<RedisOptions> = {
  name: REDIS_PROXY,
  category: 'envoy.protocol_options',
  typeNames: [OPTIONS],
  compile: (config, context, path) => {
    const json = config as RedisProtocolOptionsJson & LaterFields
    const byAddress = new Map<string, RedisCredentials>()
    for (const [i, credential] of (json.credentials ?? []).entries()) {
      const at = path.field('credentials').index(i)
      const address = parseAddress(credential.address ?? {})
      byAddress.set(address.toString(), compileCredentials(credential, context, at))
    }
    return { all: compileCredentials(json, context, path), byAddress }
  },
}
