// What load reports tell of clusters: main sums what all workers have counted of each host.
import { addressMessage } from '../../net/index.ts'
import { assignmentOf, type DirectoryEntry, resourceOf } from '../directory-entry.ts'
import { EdsCluster } from '../eds/eds-cluster.ts'
import { HostKeys, type Locality } from '../host.ts'
import { DROPS_KEY, type HostCellReader } from '../host-cells.ts'
import { DROPS_OVERLOAD, DROPS_TOTAL } from '../stats.ts'

export interface HostPlace {
  /** From HostKeys. */
  readonly key: string
  /** config.core.v3.Address, in the form that message codecs take. */
  readonly address: object
  readonly locality: Locality
  readonly priority: number
}

export interface ClusterLoad {
  readonly name: string
  /** Of EDS; '': the cluster's name. */
  readonly serviceName: string
  /** Turned away by limits, maintenance and drop_overloads, since the cluster is there. */
  readonly dropped: number
  readonly droppedForOverload: number
  /** The category of drop_overloads. */
  readonly dropCategory: string
  /** By locality, in the order of the assignment. Empty where no worker has used the cluster yet. */
  readonly hosts: readonly HostPlace[]
}

/** What a cluster's resource says of it; it is read once per set of hosts, and only where there is traffic. */
interface Facts {
  readonly assignment: object | null
  readonly dropCategory: string
  readonly hosts: readonly HostPlace[]
}

const NO_TRAFFIC: Omit<Facts, 'assignment'> = { dropCategory: '', hosts: [] }

export class ClusterLoads {
  private readonly entries: ReadonlyMap<string, DirectoryEntry>
  private readonly cells: HostCellReader
  private readonly facts = new WeakMap<DirectoryEntry, Facts>()

  constructor(entries: ReadonlyMap<string, DirectoryEntry>, cells: HostCellReader) {
    this.entries = entries
    this.cells = cells
  }

  names(): Iterable<string> {
    return this.entries.keys()
  }

  /** Undefined for an unknown cluster. */
  get(name: string): ClusterLoad | undefined {
    const entry = this.entries.get(name)
    if (entry === undefined) return undefined
    const { dropCategory, hosts } = this.cells.knows(name) ? this.factsOf(entry) : NO_TRAFFIC
    const drops = this.cells.sum(name, DROPS_KEY)
    return {
      name,
      serviceName: serviceNameOf(entry),
      dropped: drops[DROPS_TOTAL]!,
      droppedForOverload: drops[DROPS_OVERLOAD]!,
      dropCategory,
      hosts,
    }
  }

  /** By HOST_* slot, since the host is there. */
  totals(cluster: string, key: string): readonly number[] {
    return this.cells.sum(cluster, key)
  }

  private factsOf(entry: DirectoryEntry): Facts {
    const known = this.facts.get(entry)
    if (known !== undefined && known.assignment === entry.assignment) return known
    const resource = resourceOf(entry)
    const policy = (entry.assignment ?? resource.loadAssignment)?.policy
    const keys = new HostKeys()
    const hosts = assignmentOf(entry, resource).localities.flatMap(({ endpoints, locality, priority }) =>
      endpoints.map(endpoint => ({
        key: keys.next(endpoint),
        address: addressMessage(endpoint.address.toString()),
        locality,
        priority,
      })),
    )
    const facts = { assignment: entry.assignment, dropCategory: policy?.dropOverloads?.[0]?.category ?? '', hosts }
    this.facts.set(entry, facts)
    return facts
  }
}

function serviceNameOf({ name, discovery }: DirectoryEntry): string {
  return discovery instanceof EdsCluster && discovery.serviceName !== name ? discovery.serviceName : ''
}
