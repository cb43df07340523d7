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
import type { Cluster, Host } from '../../../../upstream/index.ts'

export const REDIS_PROXY = 'envoy.filters.network.redis_proxy'
const OPTIONS = 'envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions'

declareSupport(OPTIONS, {
  supported: ['auth_password', 'auth_username', 'credentials'],
  refused: { aws_iam: 'tokens of AWS are not made here; use auth_username and auth_password' },
})
declareSupport(`${OPTIONS}.Credential`, { supported: ['address', 'auth_password', 'auth_username'] })

/** Texts are latin1. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** RedisProtocolOptions: how to log in at the hosts of a cluster. */
export interface RedisOptions {
  readonly all: Credentials
  /** By address as printed. */
  readonly byAddress: ReadonlyMap<string, Credentials>
}

const NONE: Credentials = { username: '', password: '' }

interface CredentialsJson {
  readonly authUsername?: DataSourceJson
  readonly authPassword?: DataSourceJson
}

function compileCredentials(json: CredentialsJson, context: CompileContext, path: ConfigPath): Credentials {
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
    const byAddress = new Map<string, Credentials>()
    for (const [i, credential] of (json.credentials ?? []).entries()) {
      const at = path.field('credentials').index(i)
      const address = parseAddress(credential.address ?? {})
      byAddress.set(address.toString(), compileCredentials(credential, context, at))
    }
    return { all: compileCredentials(json, context, path), byAddress }
  },
}

export function credentialsOf(cluster: Cluster, host: Host): Credentials {
  const options = cluster.plan.extensionOptions.get(REDIS_PROXY) as RedisOptions | undefined
  if (options === undefined) return NONE
  return options.byAddress.get(host.addressText) ?? options.all
}
