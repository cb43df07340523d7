import { ConfigPath, type Diagnostics, nearestName } from '../../../config/index.ts'
import { compositeKey, type DescriptorConfig, type DomainConfig, type RateLimitConfig } from './domain-config.ts'
import { MappingReader } from './mapping-reader.ts'
import { UNIT_NAMES, unitNumber } from './unit.ts'

const DOMAIN_FIELDS = ['domain', 'descriptors']
const FLAGS = ['shadow_mode', 'quota_mode', 'detailed_metric', 'value_to_metric', 'share_threshold']
const DESCRIPTOR_FIELDS = ['key', 'value', 'rate_limit', 'descriptors', 'metadata', ...FLAGS]
const LIMIT_FIELDS = ['unit', 'requests_per_unit', 'unlimited', 'name', 'replaces']
const UNITS = UNIT_NAMES.slice(1).map(name => name.toLowerCase())

/** Where a field that stands in the wrong place has its effect. */
const HOMES: Readonly<Record<string, string>> = Object.fromEntries([
  ['domain', 'the top of the file'],
  ...DESCRIPTOR_FIELDS.map(name => [name, "an entry of 'descriptors'"]),
  ...LIMIT_FIELDS.map(name => [name, "'rate_limit'"]),
  ['name', "'rate_limit', or an entry of its 'replaces'"],
])

/** Checks one file's values, scalars as text. What is returned is only good when nothing was reported. */
export function readDomain(value: unknown, diagnostics: Diagnostics): DomainConfig {
  const reader = new MappingReader(value, "'domain' and 'descriptors'", ConfigPath.root, diagnostics)
  reader.onlyKnows('a rate limit configuration', DOMAIN_FIELDS, HOMES)
  const domain = reader.text('domain')
  if (domain === '' && !diagnostics.failed)
    reader.error('', 'a rate limit configuration needs a domain', "'domain: NAME'")
  return { domain, descriptors: readDescriptors(reader, diagnostics) }
}

function readDescriptors(owner: MappingReader, diagnostics: Diagnostics): readonly DescriptorConfig[] {
  const path = owner.path.field('descriptors')
  const seen = new Map<string, number>()
  return owner.list('descriptors').map((value, i) => {
    const reader = new MappingReader(value, "a descriptor with a 'key'", path.index(i), diagnostics)
    const descriptor = readDescriptor(reader, diagnostics)
    const key = compositeKey(descriptor.key, descriptor.value)
    const first = seen.get(key)
    if (descriptor.key !== '' && first !== undefined) {
      reader.error('', `duplicate descriptor composite key '${key}': ${path.index(first)} has it too`)
    } else seen.set(key, i)
    return descriptor
  })
}

function readDescriptor(reader: MappingReader, diagnostics: Diagnostics): DescriptorConfig {
  reader.onlyKnows('a descriptor', DESCRIPTOR_FIELDS, HOMES)
  const key = reader.text('key')
  const value = reader.text('value')
  if (key === '') reader.error('key', 'a descriptor needs a key')
  const rateLimit = reader.has('rate_limit') ? readRateLimit(reader, diagnostics) : null
  const shareThreshold = reader.flag('share_threshold')
  if (shareThreshold && !compositeKey(key, value).includes('*')) {
    reader.error('share_threshold', "is for values with a wildcard, and this one has no '*'")
  }
  if (reader.has('metadata')) reader.warn('metadata', 'has no effect: answers carry no dynamic metadata')
  for (const flag of ['shadow_mode', 'quota_mode', 'detailed_metric']) {
    if (rateLimit === null && reader.flag(flag)) reader.warn(flag, "has no effect without a 'rate_limit' beside it")
  }
  return {
    key,
    value,
    rateLimit,
    shadowMode: reader.flag('shadow_mode'),
    quotaMode: reader.flag('quota_mode'),
    detailedMetric: reader.flag('detailed_metric'),
    valueToMetric: reader.flag('value_to_metric'),
    shareThreshold,
    descriptors: readDescriptors(reader, diagnostics),
  }
}

function readRateLimit(owner: MappingReader, diagnostics: Diagnostics): RateLimitConfig {
  const path = owner.path.field('rate_limit')
  const reader = new MappingReader(owner.value('rate_limit'), 'a rate limit', path, diagnostics)
  reader.onlyKnows("'rate_limit'", LIMIT_FIELDS, HOMES)
  const unlimited = reader.flag('unlimited')
  if (!unlimited && !reader.has('requests_per_unit')) {
    reader.warn('requests_per_unit', 'is missing, and 0 as in envoyproxy/ratelimit: nothing passes')
  }
  const name = reader.text('name')
  return {
    requestsPerUnit: reader.uint32('requests_per_unit'),
    unit: readUnit(reader, unlimited),
    unlimited,
    name,
    replaces: readReplaces(reader, name, diagnostics),
  }
}

function readUnit(reader: MappingReader, unlimited: boolean): number {
  const text = reader.text('unit')
  const unit = unitNumber(text)
  if (unlimited) {
    if (unit !== 0) reader.error('unit', 'an unlimited rate limit has no unit')
    return 0
  }
  if (unit === 0) {
    const near = nearestName(text, UNITS)
    const hint = near === undefined ? '' : `; did you mean '${near}'?`
    reader.error(
      'unit',
      text === '' ? 'a rate limit needs a unit' : `invalid rate limit unit '${text}'${hint}`,
      UNITS.join(', '),
    )
  }
  return unit
}

function readReplaces(owner: MappingReader, ownName: string, diagnostics: Diagnostics): readonly string[] {
  const path = owner.path.field('replaces')
  return owner.list('replaces').map((value, i) => {
    const reader = new MappingReader(value, "'name' of the limit to replace", path.index(i), diagnostics)
    reader.onlyKnows("an entry of 'replaces'", ['name'], HOMES)
    const name = reader.text('name')
    if (name === '') reader.error('name', 'names no limit to replace')
    else if (name === ownName) reader.error('name', 'a rate limit cannot replace itself')
    return name
  })
}
