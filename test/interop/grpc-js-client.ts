// What every gRPC client expects, with @grpc/grpc-js; the same for a server behind the proxy and without it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { type GrpcJsServer, METHODS, UNLIMITED } from './grpc-js-server.ts'
import { BIG_BYTES, decode, encode, FAILURE, type Item, item } from './shop.ts'

export interface Target {
  readonly address: string
  readonly credentials: grpc.ChannelCredentials
  readonly server: GrpcJsServer
  readonly options?: grpc.ClientOptions
}

const GZIP = 2
const raw = (bytes: Buffer): Buffer => bytes

class ShopClient extends grpc.Client {
  unary(request: Item, metadata = new grpc.Metadata(), options: grpc.CallOptions = {}): Promise<UnaryAnswer> {
    return new Promise((resolve, reject) => {
      let headers = new grpc.Metadata()
      let trailers = new grpc.Metadata()
      let answer: object = {}
      const call = this.makeUnaryRequest(
        METHODS.Echo.path,
        raw,
        raw,
        item(request),
        metadata,
        options,
        (error, bytes) => {
          if (error !== null) reject(error)
          else answer = decode('Item', bytes ?? Buffer.alloc(0))
        },
      )
      call.on('metadata', received => {
        headers = received
      })
      call.on('status', status => {
        trailers = status.metadata
        if (status.code === grpc.status.OK) resolve({ answer, headers, trailers })
      })
    })
  }

  watch(pageSize: number, options: grpc.CallOptions = {}): grpc.ClientReadableStream<Buffer> {
    const request = encode('ListRequest', { pageSize })
    return this.makeServerStreamRequest(METHODS.Watch.path, raw, raw, request, new grpc.Metadata(), options)
  }

  chat(): grpc.ClientDuplexStream<Buffer, Buffer> {
    return this.makeBidiStreamRequest(METHODS.Chat.path, raw, raw, new grpc.Metadata())
  }
}

interface UnaryAnswer {
  readonly answer: object
  readonly headers: grpc.Metadata
  readonly trailers: grpc.Metadata
}

const code = (status: grpc.status) => (error: unknown) => {
  assert.equal((error as grpc.ServiceError).code, status)
  return true
}

export function grpcJsSuite(target: () => Target): void {
  const open = (options: grpc.ClientOptions = {}): ShopClient => {
    const { address, credentials, options: own } = target()
    return new ShopClient(address, credentials, { ...UNLIMITED, ...own, ...options })
  }
  const cancelled = (): Promise<void> =>
    new Promise(resolve => {
      target().server.seen.onCancel = resolve
    })

  test('unary, with metadata both ways', async () => {
    const client = open()
    const metadata = new grpc.Metadata()
    metadata.add('x-ask', 'a b')
    metadata.add('x-ask', 'second')
    metadata.add('x-ask-bin', Buffer.from([0, 1, 255]))
    const { answer, headers, trailers } = await client.unary({ id: '7', name: 'n', tags: ['a', 'b'] }, metadata)
    assert.deepEqual(answer, { id: '7', name: 'n', tags: ['a', 'b'] })
    assert.deepEqual(headers.get('x-begin'), ['a b, second'])
    assert.deepEqual(trailers.get('x-end'), ['a b, second'])
    assert.deepEqual(trailers.get('x-end-bin'), [Buffer.from([0, 1, 255])])
    client.close()
  })

  test('errors keep their code and their text', async () => {
    const client = open()
    await assert.rejects(client.unary({ name: 'fail' }), error => {
      assert.equal((error as grpc.ServiceError).details, FAILURE)
      return code(grpc.status.NOT_FOUND)(error)
    })
    const unknown = new Promise((_, reject) => {
      client.makeUnaryRequest('/shop.v1.Shop/Nope', raw, raw, Buffer.alloc(0), error => reject(error))
    })
    await assert.rejects(unknown, code(grpc.status.UNIMPLEMENTED))
    client.close()
  })

  test('client streaming', async () => {
    const client = open()
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const call = client.makeClientStreamRequest(METHODS.CreateMany.path, raw, raw, (error, bytes) =>
        error === null ? resolve(bytes!) : reject(error),
      )
      for (let i = 0; i < 100; i++) call.write(item({ name: `n${i}` }))
      call.end()
    })
    const expected = Array.from({ length: 100 }, (_, i) => `n${i}`).join()
    assert.deepEqual(decode('ListReply', answer), { next: expected })
    client.close()
  })

  test('server streaming', async () => {
    const client = open()
    const ids: string[] = []
    for await (const bytes of client.watch(500)) ids.push((decode('Item', bytes as Buffer) as Item).id!)
    assert.deepEqual(
      ids,
      Array.from({ length: 500 }, (_, i) => String(i + 1)),
    )
    client.close()
  })

  test('both ways, each message after the answer to the one before', async () => {
    const client = open()
    const call = client.chat()
    const answers = call[Symbol.asyncIterator]()
    for (let i = 1; i <= 50; i++) {
      call.write(item({ id: String(i) }))
      assert.deepEqual(decode('Item', (await answers.next()).value as Buffer), { id: String(i) })
    }
    call.end()
    assert.equal((await answers.next()).done, true)
    client.close()
  })

  test('a client that cancels a stream is seen to have done so', async () => {
    const client = open()
    const seen = cancelled()
    const call = client.watch(0)
    call.once('data', () => call.cancel())
    await new Promise(resolve => call.on('error', resolve))
    await seen
    client.close()
  })

  test('a deadline ends the call on both sides', async () => {
    const client = open()
    // With the connections there, the call itself reaches the server before its time is over.
    await client.unary({ name: 'n' })
    const seen = cancelled()
    const deadline = Date.now() + 200
    await assert.rejects(
      client.unary({ name: 'hang' }, new grpc.Metadata(), { deadline }),
      code(grpc.status.DEADLINE_EXCEEDED),
    )
    await seen
    client.close()
  })

  test('messages of 10 MiB, unary and as a stream', async () => {
    const client = open()
    const name = 'x'.repeat(BIG_BYTES)
    const { answer } = await client.unary({ name })
    assert.equal((answer as Item).name?.length, BIG_BYTES)
    const call = client.chat()
    const answers = call[Symbol.asyncIterator]()
    for (let i = 0; i < 2; i++) {
      call.write(item({ name }))
      const received = (await answers.next()).value as Buffer
      assert.equal((decode('Item', received) as Item).name?.length, BIG_BYTES)
    }
    call.end()
    client.close()
  })

  test('compressed messages', async () => {
    const client = open({ 'grpc.default_compression_algorithm': GZIP })
    const { answer } = await client.unary({ name: 'z'.repeat(100_000) })
    assert.equal((answer as Item).name?.length, 100_000)
    client.close()
  })

  test('many calls at once', async () => {
    const client = open()
    const calls = Array.from({ length: 300 }, (_, i) => client.unary({ id: String(i + 1) }))
    const ids = (await Promise.all(calls)).map(({ answer }) => (answer as Item).id)
    assert.deepEqual(
      ids,
      calls.map((_, i) => String(i + 1)),
    )
    client.close()
  })
}
