// HOT FILE (docs/hot-path.md): what a key tells the balancer. The hash is worked out only where the balancer asks for it.
import { LoadBalancerContext, murmurHash2 } from '../../../../upstream/index.ts'

const OPENING = 123
const CLOSING = 125
const NO_KEY: Buffer = Buffer.alloc(0)

/** One per pool, told of each key in turn. */
export class KeyContext extends LoadBalancerContext {
  private readonly hashTags: boolean
  private bytes = NO_KEY
  private start = 0
  private end = 0

  constructor(hashTags: boolean) {
    super()
    this.hashTags = hashTags
  }

  /** Valid until the next key. */
  of(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes
    this.start = start
    this.end = end
    return this
  }

  override get hash(): bigint {
    const { bytes } = this
    let { start, end } = this
    if (this.hashTags) {
      const opening = bytes.indexOf(OPENING, start)
      const closing = opening < 0 || opening >= end ? -1 : bytes.indexOf(CLOSING, opening + 1)
      // Braces with nothing between them are part of the key.
      if (closing > opening + 1 && closing < end) {
        start = opening + 1
        end = closing
      }
    }
    return murmurHash2(bytes, start, end)
  }
}
