// HOT FILE (docs/hot-path.md): a route whose cluster an extension names, request by request.
import type { ClusterSpecifier, HeaderMap } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { type ClusterChoice, RouteEntry, type RouteEntryFields } from './route-entry.ts'
import type { RouteChoice } from './weighted-clusters.ts'

/** A plugin may take names from requests: what clients can fill has a bound. */
const MAX_KEPT = 1000

export class NamedChoice implements RouteChoice, ClusterChoice {
  /** The one without a cluster stands for all: they differ in nothing else. */
  readonly entries: readonly RouteEntry[]
  private readonly specifier: ClusterSpecifier
  private readonly fields: RouteEntryFields
  private readonly kept = new Map<string, RouteEntry>()

  constructor(specifier: ClusterSpecifier, base: RouteEntryFields) {
    this.specifier = specifier
    this.fields = { ...base, choice: this }
    this.entries = [new RouteEntry({ ...this.fields, clusterName: '' })]
  }

  choose(headers: HeaderMap, info: StreamInfo): RouteEntry {
    const clusterName = this.specifier.clusterOf(headers, info)
    const known = this.kept.get(clusterName)
    if (known !== undefined) return known
    const entry = new RouteEntry({ ...this.fields, clusterName })
    if (this.kept.size < MAX_KEPT) this.kept.set(clusterName, entry)
    return entry
  }

  chooseAgain(headers: HeaderMap, info: StreamInfo): RouteEntry {
    return this.choose(headers, info)
  }

  weightOf(): number {
    return 1
  }
}
