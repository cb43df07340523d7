// custom_match of a predicate: envoy.extensions.matching.input_matchers.
import type { ConsistentHashingJson } from '#api/envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing_pb.ts'
import type { IpJson } from '#api/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.ts'
import type { MetadataJson } from '#api/envoy/extensions/matching/input_matchers/metadata/v3/metadata_pb.ts'
import type { RuntimeFractionJson } from '#api/envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction_pb.ts'
import type { TypedExtensionConfigJson } from '#api/xds/core/v3/extension_pb.ts'
import type { CelMatcherJson } from '#api/xds/type/matcher/v3/cel_pb.ts'
import { xxHash64 } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileValueMatcher,
  declareSupport,
  fractionalPercent,
  typeName,
} from '../../config/index.ts'
import { CelSubject } from '../cel/cel-subject.ts'
import { compileXdsCelExpression } from '../cel/index.ts'
import { type Cidr, parseCidr, parseIp } from '../cidr.ts'
import { MetadataValue } from './metadata-value.ts'

const API = 'envoy.extensions.matching.input_matchers'
const IP = `${API}.ip.v3.Ip`
const HASHING = `${API}.consistent_hashing.v3.ConsistentHashing`
const FRACTION = `${API}.runtime_fraction.v3.RuntimeFraction`
const CEL = 'xds.type.matcher.v3.CelMatcher'
const METADATA = `${API}.metadata.v3.Metadata`
declareSupport(IP, {
  supported: ['cidr_ranges'],
  accepted: { stat_prefix: 'names a counter of values that are no address; there is none here' },
})
declareSupport(HASHING, { supported: ['threshold', 'modulo', 'seed'] })
declareSupport(FRACTION, { supported: ['runtime_fraction', 'seed'] })
declareSupport(METADATA, { supported: ['value', 'invert'] })
declareSupport(CEL, { supported: ['expr_match'], accepted: { description: 'says something to readers' } })

export type ValueMatch = (value: unknown) => boolean

const never: ValueMatch = () => false
const TWO_POW_64 = 2 ** 64

function ipMatch({ cidrRanges = [] }: IpJson): ValueMatch {
  const ranges = cidrRanges.map(parseCidr).filter((range): range is Cidr => range !== null)
  return value => {
    const ip = typeof value === 'string' ? parseIp(value) : null
    return ip !== null && ranges.some(range => range.contains(ip))
  }
}

function hashMatch({ threshold = 0, modulo = 1, seed = '0' }: ConsistentHashingJson): ValueMatch {
  const start = BigInt(seed)
  const [from, all] = [BigInt(threshold), BigInt(modulo)]
  return value => typeof value === 'string' && value !== '' && xxHash64(value, start) % all >= from
}

function fractionMatch({ runtimeFraction, seed = '0' }: RuntimeFractionJson, context: CompileContext): ValueMatch {
  const start = BigInt(seed)
  const share = fractionalPercent(runtimeFraction?.defaultValue)
  const key = runtimeFraction?.runtimeKey === '' ? undefined : runtimeFraction?.runtimeKey
  return value => {
    if (typeof value !== 'string') return false
    const { denominator } = share
    // As Envoy draws: the hash modulo the denominator, not its place between 0 and 2^64.
    const drawn = Number(xxHash64(value, start) % BigInt(denominator)) / denominator
    return context.runtime.featureEnabled(key, share, Math.min(drawn, 1 - 1 / TWO_POW_64))
  }
}

export function compileValueMatch(
  json: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): ValueMatch {
  const config = (json.typedConfig ?? {}) as { '@type'?: string }
  switch (typeName(config)) {
    case IP:
      return ipMatch(config as IpJson)
    case HASHING:
      return hashMatch(config as ConsistentHashingJson)
    case FRACTION:
      return fractionMatch(config as RuntimeFractionJson, context)
    case METADATA: {
      const { value = {}, invert = false } = config as MetadataJson
      const matches = compileValueMatcher(value, context, path.field('typed_config').field('value'))
      return found => found instanceof MetadataValue && matches(found.value) !== invert
    }
    case CEL: {
      const { exprMatch = {} } = config as CelMatcherJson
      const at = path.field('typed_config').field('expr_match')
      const expression = compileXdsCelExpression(exprMatch, context, at)
      return value => value instanceof CelSubject && expression?.matches(value) === true
    }
  }
  context.diagnostics.error(path.field('typed_config'), `no such matcher: ${typeName(config)}`, {
    expected: `one of ${IP}, ${HASHING}, ${FRACTION}, ${METADATA}, ${CEL}`,
    code: 'unknown-extension',
  })
  return never
}
