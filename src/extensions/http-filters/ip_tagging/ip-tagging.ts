// HOT FILE (docs/hot-path.md): names the networks that the client's address belongs to.
import {
  FilterContinue,
  type HeaderMap,
  type HeaderName,
  HttpFilter,
  type HttpFilterStatus,
  X_ENVOY_INTERNAL,
} from '../../../http/index.ts'
import { endpointOf } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import type { TagTrie } from './tag-trie.ts'

export interface IpTaggingShared {
  readonly trie: TagTrie
  readonly names: readonly string[]
  /** Null: requests of both kinds. */
  readonly internal: boolean | null
  readonly header: HeaderName
  /** What the client says of itself is dropped. */
  readonly sanitizes: boolean
  readonly stats: StatBlock
  readonly totalSlot: number
  readonly noHitSlot: number
  /** By tag. */
  readonly hitSlots: readonly number[]
}

export class IpTaggingFilter extends HttpFilter {
  private readonly shared: IpTaggingShared

  constructor(shared: IpTaggingShared) {
    super()
    this.shared = shared
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { internal, trie, stats, sanitizes, header } = this.shared
    if (internal !== null && (headers.get(X_ENVOY_INTERNAL) === 'true') !== internal) return FilterContinue
    const { info } = this.callbacks
    const { ip } = endpointOf(info.remoteAddress ?? info.connection.remoteAddress)
    const tags = ip === null ? null : trie.find(ip)
    stats.cells[this.shared.totalSlot]! += 1
    if (tags !== null) this.apply(headers, tags)
    else {
      stats.cells[this.shared.noHitSlot]! += 1
      if (!sanitizes || !headers.remove(header)) return FilterContinue
    }
    // Routes may look for the header.
    this.callbacks.clearRouteCache()
    return FilterContinue
  }

  private apply(headers: HeaderMap, tags: readonly number[]): void {
    const { names, stats, hitSlots, sanitizes, header } = this.shared
    let text = ''
    for (let i = 0; i < tags.length; i++) {
      const tag = tags[i]!
      stats.cells[hitSlots[tag]!]! += 1
      text += i === 0 ? names[tag]! : `,${names[tag]!}`
    }
    if (sanitizes) {
      headers.remove(header)
      headers.append(header, text)
      return
    }
    headers.set(header, headers.has(header) ? `${headers.getAll(header).join(',')},${text}` : text)
  }
}
