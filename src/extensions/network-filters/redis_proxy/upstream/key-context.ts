// HOT FILE (docs/hot-path.md): what a key tells the balancer. Its hash is worked out only where the balancer asks for it.
import { LoadBalancerContext, murmurHash2, type RedisReadPolicy } from '../../../../upstream/index.ts'
import { slotOf } from './key-slot.ts'

const OPENING = 123
const CLOSING = 125
const NO_KEY: Buffer = Buffer.alloc(0)

/** One per pool, told of each key in turn. */
export class KeyContext extends LoadBalancerContext {
  private readonly hashTags: boolean
  private readonly readPolicy: RedisReadPolicy
  private bytes = NO_KEY
  private start = 0
  private end = 0
  private reads = false

  constructor(hashTags: boolean, readPolicy: RedisReadPolicy) {
    super()
    this.hashTags = hashTags
    this.readPolicy = readPolicy
  }

  /** Valid until the next key. `reads`: the command changes nothing. */
  of(bytes: Buffer, start: number, end: number, reads: boolean): this {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.reads = reads
    return this
  }

  override get hash(): bigint {
    if (this.hashTags) this.cutToTag()
    return murmurHash2(this.bytes, this.start, this.end)
  }

  override get redisSlot(): number {
    this.cutToTag()
    return slotOf(this.bytes, this.start, this.end)
  }

  override get redisReadPolicy(): RedisReadPolicy {
    return this.reads ? this.readPolicy : 'MASTER'
  }

  /** What stands in the first pair of braces is hashed alone. */
  private cutToTag(): void {
    const { bytes, end } = this
    const opening = bytes.indexOf(OPENING, this.start)
    if (opening < 0 || opening >= end) return
    const closing = bytes.indexOf(CLOSING, opening + 1)
    // Braces with nothing between them are part of the key.
    if (closing <= opening + 1 || closing >= end) return
    this.start = opening + 1
    this.end = closing
  }
}
