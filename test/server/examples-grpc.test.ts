// The bootstraps under examples/ that translate between gRPC and what other clients speak.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { join } from 'node:path'
import { test } from 'node:test'
import { createFileRegistry, type DescMessage, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { grpcFrame } from '../../src/http/index.ts'
import { exchange, parseResponses } from '../harness/index.ts'
import { EXAMPLES, run } from './run-example.ts'

const descriptors = fromBinary(FileDescriptorSetSchema, readFileSync(join(EXAMPLES, 'grpc-transcoder', 'bookstore.pb')))
const types = createFileRegistry(descriptors)
const type = (name: string): DescMessage => types.getMessage(`bookstore.v1.${name}`)!
const encode = (name: string, json: object): Buffer =>
  Buffer.from(toBinary(type(name), fromJson(type(name), json as never)))
const decode = (name: string, bytes: Uint8Array): unknown => toJson(type(name), fromBinary(type(name), bytes))

/** Knows book 7; adds what it is given. */
async function bookstore(asked: unknown[]): Promise<{ port: number; close(): void }> {
  const server: Http2Server = createServer()
  server.on('session', session => session.on('error', () => undefined))
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      const adds = headers[':path'] === '/bookstore.v1.Bookstore/AddBook'
      const request = decode(adds ? 'AddBookRequest' : 'GetBookRequest', Buffer.concat(parts).subarray(5))
      asked.push(request)
      const { id, book } = request as { id?: string; book?: object }
      const head = { ':status': 200, 'content-type': 'application/grpc' }
      if (!adds && id !== '7') {
        stream.respond({ ...head, 'grpc-status': '5', 'grpc-message': 'no such book' }, { endStream: true })
        return
      }
      stream.respond(head, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(grpcFrame(encode('Book', adds ? { ...book, id: '8' } : { id, title: 'Odes' })))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as { port: number }).port, close: () => server.close() }
}

function post(path: string, contentType: string, body: string): string {
  const head = `POST ${path} HTTP/1.1\r\nhost: books\r\nconnection: close\r\ncontent-type: ${contentType}\r\n`
  return `${head}content-length: ${body.length}\r\n\r\n${body}`
}

test('REST in front of gRPC', async () => {
  const asked: unknown[] = []
  const origin = await bookstore(asked)
  const { get, port, stop } = await run('grpc-transcoder.yaml', { origins: { 9001: origin.port } })
  assert.match(await get('/v1/shelves/poetry/books/7'), /200 OK.*\{"id":"7","title":"Odes","authors":\[\]\}$/s)
  const added = await exchange(port, post('/v1/shelves/poetry/books', 'application/json', '{"title": "Epodes"}'))
  assert.match(added, /\{"id":"8","title":"Epodes","authors":\[\]\}$/)
  assert.deepEqual(asked, [
    { shelf: 'poetry', id: '7' },
    { shelf: 'poetry', book: { title: 'Epodes' } },
  ])
  assert.match(await get('/v1/shelves/poetry/books/9'), /^HTTP\/1\.1 404 .*\{"code":5,"message":"no such book"/s)
  assert.match(await get('/v1/shelves/poetry/books/7?colour=red'), /^HTTP\/1\.1 400 /)
  assert.match(await get('/v2'), /^HTTP\/1\.1 404 /)
  await stop()
  origin.close()
})

test('gRPC by HTTP/1.1', async () => {
  const asked: unknown[] = []
  const origin = await bookstore(asked)
  const { port, adminPort, get, stop } = await run('grpc-bridge.yaml', { origins: { 9001: origin.port } })
  const call = async (id: string): Promise<readonly [status: string | undefined, body: string]> => {
    const frame = grpcFrame(encode('GetBookRequest', { id })).toString('latin1')
    const answer = await exchange(port, post('/bookstore.v1.Bookstore/GetBook', 'application/grpc', frame))
    const [response] = parseResponses(answer, ['POST'])
    return [response!.headers.find(([name]) => name === 'grpc-status')?.[1], response!.body]
  }
  const [status, body] = await call('7')
  assert.equal(status, '0')
  assert.deepEqual(decode('Book', Buffer.from(body, 'latin1').subarray(5)), { id: '7', title: 'Odes' })
  assert.equal((await call('9'))[0], '5')
  assert.match(await get('/'), /^HTTP\/1\.1 404 /)
  const stats = await (await fetch(`http://127.0.0.1:${adminPort}/stats?filter=GetBook`)).text()
  assert.match(stats, /cluster\.service\.grpc\.bookstore\.v1\.Bookstore\.GetBook\.success: 1/)
  await stop()
  origin.close()
})
