import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderName } from './header-name.ts'
import { HeaderMap } from './headers.ts'
import { CONTENT_TYPE, SERVER } from './known-headers.ts'
import { PreparedLine } from './prepared-line.ts'

function lines(headers: HeaderMap): string[] {
  const all: string[] = []
  headers.forEach((name, value) => {
    all.push(`${name}: ${value}`)
  })
  return all
}

test('a prepared line is copied whole, whatever its length, and known by its token', () => {
  for (let length = 0; length < 70; length++) {
    const headers = new HeaderMap()
    const line = new PreparedLine(HeaderName.of('x-line'), 'v'.repeat(length))
    headers.append(HeaderName.of('x-first'), '1')
    headers.appendPrepared(line)
    headers.append(HeaderName.of('x-last'), '2')
    assert.deepEqual(lines(headers), ['x-first: 1', `x-line: ${'v'.repeat(length)}`, 'x-last: 2'])
    assert.equal(headers.tokenAt(1), line.token)
    const out = Buffer.alloc(200)
    const end = headers.encodeLines(out, 0)
    assert.equal(out.latin1Slice(0, end), `x-first: 1\r\nx-line: ${'v'.repeat(length)}\r\nx-last: 2\r\n`)
  }
})

test('setPrepared takes the place of the first line of its name and drops the others', () => {
  const headers = new HeaderMap()
  headers.append(SERVER, 'one')
  headers.append(CONTENT_TYPE, 'text/plain')
  headers.setPrepared(new PreparedLine(SERVER, 'mine'))
  assert.deepEqual(lines(headers), ['server: mine', 'content-type: text/plain'])
  assert.equal(headers.repeated, false)
  assert.equal(headers.count, 2)
  headers.append(SERVER, 'two')
  headers.setPrepared(new PreparedLine(SERVER, 'again'))
  assert.deepEqual(lines(headers), ['server: again', 'content-type: text/plain'])
  assert.equal(headers.count, 2)
  const empty = new HeaderMap()
  empty.setPrepared(new PreparedLine(SERVER, 'mine'))
  assert.equal(empty.get(SERVER), 'mine')
})

test('a line that is set anew, or whose bytes change, has no token', () => {
  const headers = new HeaderMap()
  headers.setPrepared(new PreparedLine(SERVER, 'mine'))
  headers.set(SERVER, 'other')
  assert.equal(headers.tokenAt(0), 0)
  headers.appendPrepared(new PreparedLine(HeaderName.of('x-id'), '0', true))
  assert.equal(headers.tokenAt(1), 0)
})
