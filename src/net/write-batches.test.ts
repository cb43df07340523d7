import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CloseFlush } from './close-kind.ts'
import type { Connection } from './connection.ts'
import type { ConnectionReader } from './connection-contract.ts'
import { connectedPair, testThread } from './testing.ts'

/** Keeps what it receives. */
class Reader implements ConnectionReader {
  readonly chunks: Buffer[] = []
  readonly connected = Promise.withResolvers<void>()
  readonly closed = Promise.withResolvers<void>()

  onData(data: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.from(data.subarray(start, end)))
  }
  onEnd(): void {}
  onConnected(): void {
    this.connected.resolve()
  }
  onClose(): void {
    this.closed.resolve()
  }
  get received(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

async function writers(count: number) {
  const thread = testThread()
  const links = []
  for (let i = 0; i < count; i++) {
    const [down, up] = [new Reader(), new Reader()]
    const pair = await connectedPair(thread, down, up)
    await up.connected.promise
    links.push({ ...pair, down, up, writer: pair.upstream as Connection, sent: [] as Buffer[] })
  }
  return { thread, links }
}

describe('WriteBatches', () => {
  it('joins what several callbacks of one turn write', async () => {
    const { thread, links } = await writers(1)
    const { writer, down, close } = links[0]!
    writer.batchWrites()
    for (const word of ['one ', 'two ', 'three']) {
      thread.buffers.enter()
      writer.writeString(word)
      thread.buffers.leave()
    }
    assert.equal(writer.bytesBuffered, 13)
    while (down.received.length < 13) await turn()
    assert.deepEqual(
      down.chunks.map(chunk => chunk.toString()),
      ['one two three'],
    )
    close()
  })

  it('keeps the order of each connection, whatever the sizes and whoever writes between', async () => {
    const { thread, links } = await writers(6)
    // The last two do not batch.
    for (const { writer } of links.slice(0, 4)) writer.batchWrites()
    let seed = 11
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed % below
    }
    for (let step = 0; step < 1500; step++) {
      const link = links[random(links.length)]!
      const size = [random(40), random(3000), random(40_000), 60_000 + random(200_000)][
        random(100) < 97 ? random(2) : 2 + random(2)
      ]!
      const piece = Buffer.alloc(size, step & 255)
      link.sent.push(piece)
      const nested = random(2) === 0
      if (nested) thread.buffers.enter()
      link.writer.write(piece, 0, size)
      if (nested) thread.buffers.leave()
      if (random(40) === 0) await turn()
    }
    for (const { down, sent, close } of links) {
      const whole = Buffer.concat(sent)
      while (down.received.length < whole.length) await turn()
      assert.equal(down.received.compare(whole), 0)
      close()
    }
  })

  it('goes on without batches when too many connections hold one', async () => {
    const { thread, links } = await writers(300)
    thread.buffers.enter()
    for (const [i, { writer }] of links.entries()) {
      writer.batchWrites()
      writer.writeString(`for ${i} `)
      writer.writeString('and more')
    }
    thread.buffers.leave()
    for (const [i, { down, close }] of links.entries()) {
      const whole = `for ${i} and more`
      while (down.received.length < whole.length) await turn()
      assert.equal(down.received.toString(), whole)
      close()
    }
  })

  it('sends what stands in a batch before it closes, and gives the batch back where the connection is lost', async () => {
    const { thread, links } = await writers(2)
    const [closing, lost] = [links[0]!, links[1]!]
    for (const { writer } of links) writer.batchWrites()
    closing.writer.writeString('last words')
    closing.writer.close(CloseFlush)
    while (closing.down.received.length < 10) await turn()
    assert.equal(closing.down.received.toString(), 'last words')
    // 256 batches are all there are: none may be lost.
    for (let i = 0; i < 300; i++) {
      const batch = thread.buffers.batches.acquire(1)
      assert.notEqual(batch, null)
      thread.buffers.batches.release(batch as Buffer, true)
    }
    lost.writer.reserve(10)
    lost.downstream.close(3)
    await lost.up.closed.promise
    const all = Array.from({ length: 256 }, () => thread.buffers.batches.acquire(1))
    assert.ok(all.every(batch => batch !== null))
    assert.equal(thread.buffers.batches.acquire(1), null)
    for (const link of links) link.close()
  })
})
