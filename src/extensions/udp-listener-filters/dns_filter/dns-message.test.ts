import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from '../../../../test/harness/index.ts'
import { encodeResponse, HEADER_BYTES, readHeader, readQuestion, TYPE_A } from './dns-message.ts'

test('whatever the bytes are, a question ends within them and its answer repeats it', () => {
  const seed = Buffer.from('12340100000100000000000003777777036f6e6504746573740000010001', 'hex')
  assert.deepEqual(readQuestion(seed), { name: 'www.one.test', type: TYPE_A, end: seed.length })
  fuzz(random => {
    const bytes = Buffer.from(seed)
    for (let i = random.below(4); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256)
    const query = bytes.subarray(0, HEADER_BYTES + random.below(bytes.length - HEADER_BYTES + 1))
    readHeader(query)
    const question = readQuestion(query)
    if (question === null) return
    assert.ok(question.end <= query.length)
    const answer = encodeResponse(query, question, 0, [Buffer.from([10, 0, 0, 1])], 60)
    assert.equal(answer.length, question.end + 16)
    assert.deepEqual(answer.subarray(HEADER_BYTES, question.end), query.subarray(HEADER_BYTES, question.end))
    assert.deepEqual(readQuestion(answer), question)
  })
})
