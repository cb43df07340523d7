// A server made with @connectrpc/connect-node: Connect, gRPC and gRPC-Web on one port, HTTP/1.1 and HTTP/2.
import { once } from 'node:events'
import { createServer as createHttp1 } from 'node:http'
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { create, type MessageShape } from '@bufbuild/protobuf'
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { FAILURE, service, types } from './shop.ts'

type Message = MessageShape<NonNullable<ReturnType<typeof types.getMessage>>> & Record<string, unknown>

const item = (id: number): object =>
  create(types.getMessage('shop.v1.Item')!, { id: BigInt(id), name: 'x'.repeat(1000) } as Record<string, unknown>)

export class ConnectServer {
  readonly port: number
  cancelled = 0
  onCancel: (() => void) | null = null
  private readonly servers: readonly (Server | Http2Server | Http2SecureServer)[]

  private constructor(servers: readonly (Server | Http2Server | Http2SecureServer)[], port: number) {
    this.servers = servers
    this.port = port
  }

  /** HTTP/2, or HTTP/1.1; `tls`: over TLS, with clients that show certificates of `ca`. */
  static async start(version: 1 | 2, tls?: { cert: Buffer; key: Buffer; ca: Buffer }): Promise<ConnectServer> {
    let owner: ConnectServer | null = null
    const handler = connectNodeAdapter({ routes: router => routes(router, () => owner as ConnectServer) })
    const secure = { ...tls, requestCert: true }
    const server =
      tls === undefined
        ? version === 2
          ? createServer(handler)
          : createHttp1(handler)
        : version === 2
          ? createSecureServer(secure, handler)
          : createHttps(secure, handler)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    owner = new ConnectServer([server], (server.address() as AddressInfo).port)
    return owner
  }

  noteCancel(): void {
    this.cancelled++
    this.onCancel?.()
  }

  stop(): void {
    for (const server of this.servers) server.close()
  }
}

function routes(router: ConnectRouter, owner: () => ConnectServer): void {
  const noteAbort = (context: HandlerContext): void => {
    context.signal.addEventListener('abort', () => owner().noteCancel())
  }
  const handlers = {
    async echo(request: Message, context: HandlerContext): Promise<Message> {
      if (request['name'] === 'fail') throw new ConnectError(FAILURE, Code.NotFound)
      if (request['name'] === 'hang') {
        noteAbort(context)
        await new Promise(resolve => context.signal.addEventListener('abort', resolve))
      }
      const asked = context.requestHeader.get('x-ask')
      if (asked !== null) {
        context.responseHeader.set('x-begin', asked)
        context.responseTrailer.set('x-end', asked)
      }
      return request
    },
    async createMany(requests: AsyncIterable<Message>): Promise<object> {
      const names: unknown[] = []
      for await (const request of requests) names.push(request['name'])
      return { next: names.join() }
    },
    async *watch(request: Message, context: HandlerContext): AsyncIterable<object> {
      const count = request['pageSize'] as number
      noteAbort(context)
      for (let i = 1; (count === 0 || i <= count) && !context.signal.aborted; i++) yield item(i)
    },
    async *chat(requests: AsyncIterable<Message>): AsyncIterable<Message> {
      for await (const request of requests) yield request
    },
  }
  router.service(service, handlers as unknown as Parameters<typeof router.service>[1])
}
