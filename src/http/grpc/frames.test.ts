import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from '../../../test/harness/fuzz.ts'
import { GrpcFrameCounter, GrpcFrameDecoder, grpcFrame } from './frames.ts'

const MESSAGES = ['', 'a', 'hello', 'x'.repeat(300), '']
const STREAM = Buffer.concat(MESSAGES.map((text, i) => grpcFrame(Buffer.from(text), i % 2)))

/** Calls `take` with pieces of `size` bytes, each inside a larger buffer. */
function inPieces(size: number, take: (data: Buffer, start: number, end: number) => void): void {
  for (let at = 0; at < STREAM.length; at += size) {
    const piece = STREAM.subarray(at, at + size)
    const around = Buffer.concat([Buffer.from('##'), piece, Buffer.from('#')])
    take(around, 2, 2 + piece.length)
    around.fill(35)
  }
}

for (const size of [1, 2, 3, 5, 6, 7, 64, STREAM.length]) {
  test(`frames in pieces of ${size}`, () => {
    const counter = new GrpcFrameCounter()
    const decoder = new GrpcFrameDecoder(300)
    const seen: string[] = []
    let begun = 0
    inPieces(size, (data, start, end) => {
      begun += counter.inspect(data, start, end)
      decoder.decode(data, start, end, (flags, message) => seen.push(`${flags}${message.toString()}`))
    })
    assert.equal(begun, MESSAGES.length)
    assert.equal(counter.count, MESSAGES.length)
    assert.ok(counter.atBoundary)
    assert.deepEqual(
      seen,
      MESSAGES.map((text, i) => `${i % 2}${text}`),
    )
    assert.equal(decoder.bytesHeld, 0)
  })
}

test('a frame counts when its first byte is there', () => {
  const counter = new GrpcFrameCounter()
  assert.equal(counter.inspect(STREAM, 0, 6), 2)
  assert.ok(!counter.atBoundary)
})

test('a message above the limit ends the decoding before it is kept', () => {
  const decoder = new GrpcFrameDecoder(299)
  const seen: string[] = []
  decoder.decode(STREAM, 0, STREAM.length, (_, message) => seen.push(message.toString()))
  assert.deepEqual(seen, ['', 'a', 'hello'])
  assert.ok(decoder.tooLarge)
  assert.equal(decoder.bytesHeld, 5)
})

test('an announced length costs nothing until its bytes arrive', () => {
  const decoder = new GrpcFrameDecoder(0xffffffff)
  const head = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])
  const before = process.memoryUsage().arrayBuffers
  decoder.decode(head, 0, head.length, () => assert.fail('no message is complete'))
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
  assert.equal(decoder.bytesHeld, 8)
})

test('any bytes in any pieces: both readers see the frames that are there, and hold one message at most', () => {
  const MOST = 200
  fuzz(random => {
    const frames = Array.from({ length: random.below(6) }, () =>
      grpcFrame(random.bytes(random.below(300)), random.below(2)),
    )
    const bytes = random.mutate(Buffer.concat(frames), random.below(3))
    const expected: string[] = []
    let begun = 0
    let tooLarge = false
    for (let at = 0; at < bytes.length; begun++) {
      const length = at + 5 <= bytes.length ? bytes.readUInt32BE(at + 1) : 0
      if (at + 5 <= bytes.length && length > MOST) tooLarge = true
      if (!tooLarge && at + 5 + length <= bytes.length)
        expected.push(`${bytes[at]} ${bytes.toString('hex', at + 5, at + 5 + length)}`)
      at += 5 + length
    }
    const counter = new GrpcFrameCounter()
    const decoder = new GrpcFrameDecoder(MOST)
    const seen: string[] = []
    for (const piece of random.split(bytes)) {
      counter.inspect(piece, 0, piece.length)
      decoder.decode(piece, 0, piece.length, (flags, message) => seen.push(`${flags} ${message.toString('hex')}`))
      assert.ok(decoder.bytesHeld <= MOST + 5)
    }
    assert.deepEqual([seen, decoder.tooLarge, counter.count], [expected, tooLarge, begun], bytes.toString('hex'))
  }, 300)
})
