// Responses of one worker, least recently used ones going first. A response that varies is kept under the values of the
// headers it names; under the plain key stands which those are.
import type { HeaderName } from '../../../http/index.ts'
import type { StoredResponse } from './stored-response.ts'

export interface Variance {
  readonly varies: readonly HeaderName[]
  /** Responses of another one are out of reach. */
  readonly generation: number
}

type Item = StoredResponse | Variance
/** What an item costs beside its bytes, roughly. */
const OVERHEAD_BYTES = 512

export const isVariance = (item: Item): item is Variance => 'varies' in item

export class ResponseStore {
  private readonly maxBytes: number
  /** In the order of their last use. */
  private readonly items = new Map<string, { readonly item: Item; readonly bytes: number }>()
  private bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get(key: string): Item | null {
    const found = this.items.get(key)
    if (found === undefined) return null
    this.items.delete(key)
    this.items.set(key, found)
    return found.item
  }

  put(key: string, item: Item): void {
    this.remove(key)
    const bytes = OVERHEAD_BYTES + 2 * key.length + (isVariance(item) ? 0 : item.bytes)
    if (bytes > this.maxBytes) return
    this.items.set(key, { item, bytes })
    this.bytes += bytes
    for (const oldest of this.items.keys()) {
      if (this.bytes <= this.maxBytes) return
      this.remove(oldest)
    }
  }

  remove(key: string): void {
    const found = this.items.get(key)
    if (found === undefined) return
    this.items.delete(key)
    this.bytes -= found.bytes
  }
}
