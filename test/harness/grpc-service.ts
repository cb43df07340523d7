import { once } from 'node:events'
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { messageCodec } from '../../src/config/index.ts'
import { grpcFrame } from '../../src/http/index.ts'

export interface GrpcRequest<Message> {
  readonly headers: IncomingHttpHeaders
  readonly message: Message
}

/** A message, a failure, or null: no answer ever. */
export type GrpcAnswer = object | { readonly grpcStatus: number; readonly grpcMessage: string } | null

/** A unary gRPC service on a free port; it keeps what it was asked. */
export class GrpcService<Message> {
  readonly requests: GrpcRequest<Message>[] = []
  answer: (message: Message) => GrpcAnswer
  private readonly server: Http2Server
  private readonly sessions = new Set<ServerHttp2Session>()

  private constructor(server: Http2Server, answer: (message: Message) => GrpcAnswer) {
    this.server = server
    this.answer = answer
  }

  static async start<Message>(
    requestType: string,
    responseType: string,
    answer: (message: Message) => GrpcAnswer,
  ): Promise<GrpcService<Message>> {
    const request = messageCodec(requestType)
    const response = messageCodec(responseType)
    const server = createServer()
    const service = new GrpcService<Message>(server, answer)
    server.on('session', session => {
      service.sessions.add(session)
      session.on('close', () => service.sessions.delete(session)).on('error', () => undefined)
    })
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part)).on('error', () => undefined)
      stream.on('end', () => {
        const message = request.decode(Buffer.concat(parts).subarray(5)) as Message
        service.requests.push({ headers, message })
        const said = service.answer(message)
        if (said === null || stream.destroyed) return
        const head = { ':status': 200, 'content-type': 'application/grpc' }
        if ('grpcStatus' in said) {
          const failure = { 'grpc-status': String(said.grpcStatus), 'grpc-message': String(said.grpcMessage) }
          stream.respond({ ...head, ...failure }, { endStream: true })
          return
        }
        stream.respond(head, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(grpcFrame(response.encode(said)))
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return service
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy()
    this.server.close()
    await once(this.server, 'close')
  }
}
