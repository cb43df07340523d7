import assert from 'node:assert/strict'
import { test } from 'node:test'
import { xxHash64, xxHash64Halves } from './xxhash64.ts'

test('XXH64 reference values', () => {
  const rows: [string, bigint, bigint][] = [
    ['', 0n, 0xef46db3751d8e999n],
    ['a', 0n, 0xd24ec4f1a98c6e5bn],
    ['abc', 0n, 0x44bc2cf5ad770999n],
    ['', 1n, 0xd5afba1336a3be4bn],
    ['message digest', 0n, 0x066ed728fceeb3ben],
    ['abcdefghijklmnopqrstuvwxyz', 0n, 0xcfe1f278fa89835cn],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', 0n, 0xaaa46907d3047814n],
  ]
  const halves = new Uint32Array(3)
  for (const [text, seed, want] of rows) {
    assert.equal(xxHash64(text, seed), want, text)
    xxHash64Halves(text, Number(seed), halves, 1)
    assert.equal((BigInt(halves[2]!) << 32n) | BigInt(halves[1]!), want, text)
  }
})
