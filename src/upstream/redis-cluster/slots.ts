// CLUSTER SLOTS: which hosts have which keys.
import type { LbEndpointJson } from '#api/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import { parseIp } from '../../net/index.ts'
import { ARRAY, ERROR, INTEGER, type RespValue } from '../../net/resp/index.ts'
import type { Host } from '../host.ts'

export const SLOT_COUNT = 16_384
/** Where a host's metadata say what it holds. */
export const SLOTS_METADATA = 'envoy.clusters.redis'

/** Slots from `first` to `last`, which one shard has. */
export type SlotRange = [first: number, last: number]

export interface HeldSlots {
  readonly replica: boolean
  /** Number of the shard, from 0. */
  readonly shard: number
  readonly ranges: SlotRange[]
}

interface Node {
  readonly host: string
  readonly port: number
}

/** The hosts of a reply, or what is wrong with it. `asked`: stands where a host does not know its own address. */
export function readSlots(reply: RespValue, asked: string): readonly LbEndpointJson[] | string {
  if (reply.type === ERROR) return reply.text
  if (reply.type !== ARRAY || reply.items === null) return 'it is no list of slots'
  const shards = new Map<string, { readonly nodes: readonly Node[]; readonly ranges: SlotRange[] }>()
  for (const { items } of reply.items) {
    const range = rangeOf(items)
    const nodes = (items ?? []).slice(2).flatMap(node => nodeOf(node, asked) ?? [])
    const [primary] = nodes
    if (range === null || primary === undefined) return 'it has slots without a host'
    const key = `${primary.host} ${primary.port}`
    const shard = shards.get(key) ?? { nodes, ranges: [] }
    shard.ranges.push(range)
    shards.set(key, shard)
  }
  return [...shards.values()].flatMap(({ nodes, ranges }, shard) =>
    nodes.map((node, i) => endpointOf(node, { replica: i > 0, shard, ranges })),
  )
}

function rangeOf(items: readonly RespValue[] | null): SlotRange | null {
  const [first, last] = [items?.[0], items?.[1]].map(value => (value?.type === INTEGER ? Number(value.text) : -1))
  if (first === undefined || last === undefined) return null
  return first >= 0 && first <= last && last < SLOT_COUNT ? [first, last] : null
}

/** Null: it has no address that could be connected to. */
function nodeOf({ items }: RespValue, asked: string): Node | null {
  const [name, number] = items ?? []
  const host = name === undefined || name.text === '' ? asked : name.text
  const port = number?.type === INTEGER ? Number(number.text) : 0
  return parseIp(host) !== null && port > 0 && port <= 65_535 ? { host, port } : null
}

function endpointOf({ host, port }: Node, held: HeldSlots): LbEndpointJson {
  return {
    endpoint: { address: { socketAddress: { address: host, portValue: port } } },
    metadata: { filterMetadata: { [SLOTS_METADATA]: { ...held } } },
  }
}

export function heldSlots({ metadata }: Host): HeldSlots | null {
  return (metadata?.[SLOTS_METADATA] as HeldSlots | undefined) ?? null
}

/** Of a Redis Cluster; hosts of other clusters are none. */
export function isReplica(host: Host): boolean {
  return heldSlots(host)?.replica === true
}
