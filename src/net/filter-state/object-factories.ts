// What a text becomes in the filter state, by the name of its object factory in Envoy.
import { type CompileContext, type ConfigPath, nearestName } from '../../config/index.ts'

/** Null: the text is no such object. */
export type MakeObject = (text: string) => string | number | null

const asText: MakeObject = text => text
const MAX_UINT32 = 0xffffffff

function asPort(text: string): number | null {
  return /^\d{1,10}$/.test(text) && Number(text) <= MAX_UINT32 ? Number(text) : null
}

const FACTORIES: Readonly<Record<string, MakeObject>> = {
  'envoy.string': asText,
  'envoy.hashable_string': asText,
  'envoy.upstream.dynamic_host': asText,
  'envoy.upstream.dynamic_port': asPort,
}

/** The object that the factory of this name makes; null: there is no such factory, or none of this text. */
export function filterStateObject(factory: string, text: string): string | number | null {
  return Object.hasOwn(FACTORIES, factory) ? (FACTORIES[factory] as MakeObject)(text) : null
}

/** What only those who connect for a whole connection act on. */
const OF_CONNECTIONS: Readonly<Record<string, MakeObject>> = { ...FACTORIES, 'envoy.tcp_proxy.cluster': asText }

/** Objects of Envoy that something there acts on, and nothing here. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'envoy.network.application_protocols',
  'envoy.network.ip',
  'envoy.network.transport_socket.original_dst_address',
  'envoy.network.upstream_server_name',
  'envoy.network.upstream_subject_alt_names',
  'envoy.ratelimit.hits_addend',
  'envoy.tcp_proxy.cluster',
  'envoy.tcp_proxy.per_connection_idle_timeout_ms',
  'envoy.tcp_proxy.disable_tunneling',
])

/** Undefined after a diagnostic. */
export function objectFactory(
  name: string,
  connection: boolean,
  { diagnostics }: CompileContext,
  path: ConfigPath,
): MakeObject | undefined {
  const factories = connection ? OF_CONNECTIONS : FACTORIES
  if (Object.hasOwn(factories, name)) return factories[name]
  const known = Object.keys(factories)
  const expected = `one of ${known.join(', ')}`
  const suggestion = nearestName(name, known)
  const why = WITHOUT_EFFECT.has(name)
    ? `nothing in this release acts on ${name}`
    : `${name} has no object factory; a key of your own needs factory_key: envoy.string`
  diagnostics.error(path, why, { expected, found: name, ...(suggestion === undefined ? {} : { suggestion }) })
  return undefined
}
