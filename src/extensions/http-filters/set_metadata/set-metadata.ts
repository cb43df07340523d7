// HOT FILE (docs/hot-path.md): fixed metadata for every request.
import { FilterContinue, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import { type MetadataStruct, mergeStructs, type StatBlock, statTemplate } from '../../../observability/index.ts'

export const SET_METADATA_STATS = statTemplate({ counters: ['overwrite_denied'] })
const DENIED = SET_METADATA_STATS.slot('overwrite_denied')

export interface SetMetadataEntry {
  readonly namespace: string
  readonly struct: MetadataStruct
  /** Merged into what is there; otherwise what is there stays. */
  readonly mayOverwrite: boolean
}

export class SetMetadataFilter extends HttpFilter {
  private readonly entries: readonly SetMetadataEntry[]
  private readonly stats: StatBlock

  constructor(entries: readonly SetMetadataEntry[], stats: StatBlock) {
    super()
    this.entries = entries
    this.stats = stats
  }

  override decodeHeaders(): HttpFilterStatus {
    const { info } = this.callbacks
    const { entries } = this
    info.dynamicMetadata ??= new Map()
    for (let i = 0; i < entries.length; i++) {
      const { namespace, struct, mayOverwrite } = entries[i]!
      const present = info.dynamicMetadata.get(namespace)
      if (present === undefined) info.dynamicMetadata.set(namespace, struct)
      else if (mayOverwrite) info.dynamicMetadata.set(namespace, mergeStructs(present, struct))
      else this.stats.cells[DENIED]! += 1
    }
    return FilterContinue
  }
}
