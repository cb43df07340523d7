import type { HealthCheck_PayloadJson } from '#api/envoy/config/core/v3/health_check_pb.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'

/** The bytes of a HealthCheck.Payload: `text` is hexadecimal. */
export function compilePayload(
  json: HealthCheck_PayloadJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): Buffer {
  if (json?.binary !== undefined) return Buffer.from(json.binary, 'base64')
  const text = json?.text ?? ''
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) {
    context.diagnostics.error(path.field('text'), 'the text of a payload is hexadecimal', {
      expected: 'pairs of hexadecimal digits, such as 000000FF',
      found: text,
    })
  }
  return Buffer.from(text, 'hex')
}

/**
 * Looks for blocks of bytes that come in this order, anything between them, in bytes that come in pieces. Keeps nothing
 * of what it has seen but how much of the current block matched: a peer may send as much as it likes.
 */
export class PayloadMatcher {
  private readonly blocks: readonly Buffer[]
  private readonly fallbacks: readonly Uint32Array[]
  private block = 0
  private matched = 0

  constructor(blocks: readonly Buffer[]) {
    this.blocks = blocks.filter(({ length }) => length > 0)
    this.fallbacks = this.blocks.map(prefixFunction)
  }

  get complete(): boolean {
    return this.block === this.blocks.length
  }

  reset(): void {
    this.block = 0
    this.matched = 0
  }

  /** True once all blocks have been seen. */
  feed(data: Uint8Array, start: number, end: number): boolean {
    for (let i = start; i < end && !this.complete; i++) this.step(data[i] as number)
    return this.complete
  }

  /** One step of Knuth, Morris and Pratt. */
  private step(byte: number): void {
    const block = this.blocks[this.block] as Buffer
    const fallback = this.fallbacks[this.block] as Uint32Array
    while (this.matched > 0 && block[this.matched] !== byte) this.matched = fallback[this.matched - 1] as number
    if (block[this.matched] === byte) this.matched++
    if (this.matched < block.length) return
    this.block++
    this.matched = 0
  }
}

/** For each position, the length of the longest proper prefix that ends there. */
function prefixFunction(block: Buffer): Uint32Array {
  const table = new Uint32Array(block.length)
  for (let i = 1, length = 0; i < block.length; i++) {
    while (length > 0 && block[i] !== block[length]) length = table[length - 1] as number
    if (block[i] === block[length]) length++
    table[i] = length
  }
  return table
}
