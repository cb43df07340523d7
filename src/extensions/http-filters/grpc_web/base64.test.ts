import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcFrame } from '../../../http/index.ts'
import { Base64Decoder, Base64FrameEncoder } from './base64.ts'

function decoded(text: string, size: number): string | null {
  const decoder = new Base64Decoder()
  const bytes = Buffer.from(text, 'latin1')
  let out = ''
  for (let at = 0; at < bytes.length; at += size) {
    const piece = decoder.decode(bytes, at, Math.min(at + size, bytes.length))
    if (piece === null) return null
    out += piece.toString('latin1')
  }
  return decoder.incomplete ? `${out}...` : out
}

for (const size of [1, 2, 3, 4, 5, 7, 1000]) {
  test(`decodes in pieces of ${size}`, () => {
    assert.equal(decoded('aGVsbG8gd29ybGQh', size), 'hello world!')
    assert.equal(decoded('aGVsbG8=', size), 'hello')
    assert.equal(decoded('aGVsbA==', size), 'hell')
    // Each message padded by itself.
    assert.equal(decoded('aA==aGU=aGVs', size), 'hhehel')
    assert.equal(decoded('', size), '')
    assert.equal(decoded('aGVsbA', size), 'hel...')
    for (const bad of ['a=bc', '====', 'aGV?', 'aG-_', 'a===', '=aaa', 'aGV\n'])
      assert.equal(decoded(bad, size), null, bad)
  })

  test(`encodes frames in pieces of ${size}`, () => {
    const frames = ['', 'a', 'hello', 'x'.repeat(100)].map(text => grpcFrame(Buffer.from(text)))
    const stream = Buffer.concat(frames)
    const encoder = new Base64FrameEncoder()
    let text = ''
    for (let at = 0; at < stream.length; at += size)
      text += encoder.encode(stream, at, Math.min(at + size, stream.length))
    assert.equal(text, frames.map(frame => frame.toString('base64')).join(''))
  })
}
