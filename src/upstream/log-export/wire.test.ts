import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { messageFields } from './wire.ts'

test('what is written by hand reads as protobuf', () => {
  const sizes = [0, 1, 127, 128, 300, 70_000]
  const reader = new BinaryReader(
    messageFields(
      20,
      sizes.map(size => new Uint8Array(size).fill(7)),
    ),
  )
  for (const size of sizes) {
    assert.deepEqual(reader.tag(), [20, 2])
    const bytes = reader.bytes()
    assert.equal(bytes.length, size)
    assert.ok(bytes.every(byte => byte === 7))
  }
  assert.equal(reader.pos, reader.len)
})
