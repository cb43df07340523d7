// The hosts of a cluster as main shares them with all workers: written once, and read only where something has changed.
import type { LbEndpointJson } from '#api/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { xxHash64Halves } from '../base/index.ts'
import type { LocalityPlan } from './cluster-plan.ts'
import { compileAssignment, compileEndpoint } from './compile/assignment.ts'
import type { EndpointPlan } from './host.ts'

/** A locality without its endpoints; `count` of them follow those of the locality before. */
export interface SharedLocality extends Omit<LocalityPlan, 'endpoints'> {
  readonly count: number
}

/** Plain data; posted to every worker. */
export interface SharedHosts {
  /** Four words per host (row number, stamp in two halves, start of its record), the end of all, then the records. */
  readonly memory: SharedArrayBuffer
  readonly count: number
  readonly localities: readonly SharedLocality[]
  readonly overprovisioningFactor: number
  readonly dropOverload: number
  readonly weightedPriorityHealth: boolean
}

const WORDS = 4
const ROW = 0
const STAMP = 1
const START = 3

/** `members`: key and row of each endpoint, in the order of the assignment. */
export function shareHosts(
  assignment: ClusterLoadAssignmentJson,
  members: Iterable<{ readonly key: string; readonly rowNumber: number }>,
): SharedHosts {
  const { localities, ...policy } = compileAssignment({ ...assignment, endpoints: [] })
  const endpoints = (assignment.endpoints ?? []).flatMap(({ lbEndpoints }) => lbEndpoints ?? [])
  const words = new Uint32Array(WORDS * endpoints.length + 1)
  const records: Buffer[] = []
  let end = 0
  let index = 0
  for (const { key, rowNumber } of members) {
    const text = JSON.stringify([key, endpoints[index]])
    const at = WORDS * index++
    words[at + ROW] = rowNumber
    xxHash64Halves(text, 0, words, at + STAMP)
    words[at + START] = end
    const record = Buffer.from(text)
    records.push(record)
    end += record.length
  }
  words[WORDS * endpoints.length] = end
  const memory = new SharedArrayBuffer(words.byteLength + end)
  const bytes = new Uint8Array(memory)
  bytes.set(new Uint8Array(words.buffer))
  let to = words.byteLength
  for (const record of records) {
    bytes.set(record, to)
    to += record.length
  }
  return {
    memory,
    count: endpoints.length,
    localities: (assignment.endpoints ?? []).map(json => {
      const [plan] = compileAssignment({ endpoints: [{ ...json, lbEndpoints: [] }] }).localities
      const { locality, weight, priority } = plan as LocalityPlan
      return { locality, weight, priority, count: json.lbEndpoints?.length ?? 0 }
    }),
    overprovisioningFactor: policy.overprovisioningFactor,
    dropOverload: policy.dropOverload,
    weightedPriorityHealth: policy.weightedPriorityHealth,
  }
}

export interface HostRecord {
  /** From HostKeys. */
  readonly key: string
  readonly endpoint: EndpointPlan
}

/** Reads shared hosts by their position. */
export class HostRecords {
  private readonly words: Uint32Array
  private readonly text: Buffer

  constructor({ memory, count }: SharedHosts) {
    this.words = new Uint32Array(memory, 0, WORDS * count + 1)
    this.text = Buffer.from(memory, this.words.byteLength)
  }

  rowNumber(index: number): number {
    return this.words[WORDS * index + ROW] as number
  }

  /** Two hosts with the same stamp have the same record. */
  stampLow(index: number): number {
    return this.words[WORDS * index + STAMP] as number
  }

  stampHigh(index: number): number {
    return this.words[WORDS * index + STAMP + 1] as number
  }

  read(index: number): HostRecord {
    const start = this.words[WORDS * index + START] as number
    const next = WORDS * (index + 1)
    const end = this.words[next < this.words.length - 1 ? next + START : this.words.length - 1] as number
    const [key, json] = JSON.parse(this.text.toString('utf8', start, end)) as [string, LbEndpointJson]
    return { key, endpoint: compileEndpoint(json) }
  }
}
