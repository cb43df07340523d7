// What clients of Connect, gRPC and gRPC-Web expect, with @connectrpc/connect.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect'
import { BIG_BYTES, FAILURE, service } from './shop.ts'

interface Options {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  readonly onHeader?: (headers: Headers) => void
  readonly onTrailer?: (trailers: Headers) => void
}

interface ShopItem {
  readonly id: bigint
  readonly name: string
}

interface ShopClient {
  echo(request: object, options?: Options): Promise<ShopItem>
  createMany(requests: AsyncIterable<object>): Promise<{ next: string }>
  watch(request: object, options?: Options): AsyncIterable<ShopItem>
  chat(requests: AsyncIterable<object>): AsyncIterable<ShopItem>
}

export interface ConnectTarget {
  readonly transport: Transport
  /** Tells when the server has seen a cancellation. */
  readonly cancelled: () => Promise<void>
}

const isCode = (code: Code) => (error: unknown) => {
  assert.equal(ConnectError.from(error).code, code)
  return true
}

/** `streams`: what the protocol and the version of HTTP can carry of them. */
export function connectSuite(target: () => ConnectTarget, streams: 'server' | 'half' | 'full'): void {
  const client = (): ShopClient => createClient(service, target().transport) as unknown as ShopClient

  test('unary, with metadata both ways', async () => {
    let begin: string | null = null
    let end: string | null = null
    const answer = await client().echo(
      { id: 7n, name: 'n' },
      {
        headers: { 'x-ask': 'a b' },
        onHeader: headers => (begin = headers.get('x-begin')),
        onTrailer: trailers => (end = trailers.get('x-end')),
      },
    )
    assert.deepEqual([answer.id, answer.name, begin, end], [7n, 'n', 'a b', 'a b'])
  })

  test('errors keep their code and their text', async () => {
    await assert.rejects(client().echo({ name: 'fail' }), error => {
      assert.equal(ConnectError.from(error).rawMessage, FAILURE)
      return isCode(Code.NotFound)(error)
    })
  })

  test('server streaming', async () => {
    const ids: bigint[] = []
    for await (const { id } of client().watch({ pageSize: 300 })) ids.push(id)
    assert.deepEqual(
      ids,
      Array.from({ length: 300 }, (_, i) => BigInt(i + 1)),
    )
  })

  test('a client that cancels a stream is seen to have done so', async () => {
    const controller = new AbortController()
    const seen = target().cancelled()
    await assert.rejects(async () => {
      for await (const _ of client().watch({ pageSize: 0 }, { signal: controller.signal })) controller.abort()
    }, isCode(Code.Canceled))
    await seen
  })

  test('a deadline ends the call on both sides', async () => {
    const shop = client()
    // With the connections there, the call itself reaches the server before its time is over.
    await shop.echo({ name: 'n' })
    const seen = target().cancelled()
    await assert.rejects(shop.echo({ name: 'hang' }, { timeoutMs: 200 }), isCode(Code.DeadlineExceeded))
    await seen
  })

  test('a message of 10 MiB', async () => {
    assert.equal((await client().echo({ name: 'x'.repeat(BIG_BYTES) })).name.length, BIG_BYTES)
  })

  if (streams === 'server') return

  test('client streaming', async () => {
    const requests = async function* (): AsyncIterable<object> {
      for (let i = 0; i < 100; i++) yield { name: `n${i}` }
    }
    const { next } = await client().createMany(requests())
    assert.equal(next, Array.from({ length: 100 }, (_, i) => `n${i}`).join())
  })

  if (streams === 'half') return

  test('both ways, each message after the answer to the one before', async () => {
    let answered: () => void = () => undefined
    const requests = async function* (): AsyncIterable<object> {
      for (let i = 1; i <= 30; i++) {
        const answer = new Promise<void>(resolve => (answered = resolve))
        yield { id: BigInt(i) }
        await answer
      }
    }
    const ids: bigint[] = []
    for await (const { id } of client().chat(requests())) {
      ids.push(id)
      answered()
    }
    assert.equal(ids.length, 30)
  })
}
