import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { AnySchema } from '@bufbuild/protobuf/wkt'
import { decodeRpcStatus } from './rpc-status.ts'

test('what protobuf wrote', () => {
  const any = toBinary(AnySchema, create(AnySchema, { typeUrl: 'type.googleapis.com/a.B', value: Buffer.from('xyz') }))
  const bytes = new BinaryWriter()
    .tag(1, 0)
    .int32(5)
    .tag(2, 2)
    .string('n\u00f6')
    .tag(3, 2)
    .bytes(any)
    .tag(3, 2)
    .bytes(any)
  // Fields of a later version.
  const more = bytes.tag(9, 1).fixed64(1n).tag(10, 5).fixed32(1).finish()
  for (const encoded of [
    Buffer.from(more).toString('base64'),
    Buffer.from(more).toString('base64').replace(/=+$/, ''),
  ]) {
    const status = decodeRpcStatus(encoded)
    assert.deepEqual([status?.code, status?.message], [5, 'n\u00f6'])
    assert.deepEqual(
      status?.details.map(({ typeUrl, value }) => [typeUrl, value.toString()]),
      [
        ['type.googleapis.com/a.B', 'xyz'],
        ['type.googleapis.com/a.B', 'xyz'],
      ],
    )
  }
})

test('what nobody wrote', () => {
  const of = (hex: string) => decodeRpcStatus(Buffer.from(hex, 'hex').toString('base64'))
  for (const hex of ['08', '0a', '0aff', '12ff61', '00', '0b', '1a020aff', 'ffffffffffffffffffffffff'])
    assert.equal(of(hex), null, hex)
  for (const text of ['', '!!!', 'a=b', 'AA===']) assert.equal(decodeRpcStatus(text), null, text)
})
