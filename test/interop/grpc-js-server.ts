// A server made with @grpc/grpc-js: raw messages in, raw messages out.
import { readFileSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import { decode, encode, FAILURE, type Item, item } from './shop.ts'

const raw = (bytes: Buffer): Buffer => bytes
const method = (
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: `/shop.v1.Shop/${name}`,
  requestStream,
  responseStream,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
})

export const METHODS = {
  Echo: method('Echo', false, false),
  CreateMany: method('CreateMany', true, false),
  Watch: method('Watch', false, true),
  Chat: method('Chat', true, true),
}

export const UNLIMITED = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }

/** What clients did that a server can see. */
export interface Seen {
  cancelled: number
  onCancel: (() => void) | null
}

const NOT_FOUND = { code: grpc.status.NOT_FOUND, details: FAILURE }

function answerMetadata(call: grpc.ServerUnaryCall<Buffer, Buffer>): grpc.Metadata {
  const trailers = new grpc.Metadata()
  for (const name of ['x-ask', 'x-ask-bin']) {
    for (const value of call.metadata.get(name)) trailers.add(name.replace('ask', 'end'), value)
  }
  const headers = new grpc.Metadata()
  for (const value of call.metadata.get('x-ask')) headers.add('x-begin', value)
  call.sendMetadata(headers)
  return trailers
}

export class GrpcJsServer {
  readonly seen: Seen = { cancelled: 0, onCancel: null }
  /** Further services may be added until it listens. */
  readonly server: grpc.Server
  port = 0

  private constructor(options: grpc.ServerOptions) {
    this.server = new grpc.Server({ ...UNLIMITED, ...options })
    this.server.addService(METHODS, {
      Echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => this.echo(call, done),
      CreateMany: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        const names: string[] = []
        call.on('data', (bytes: Buffer) => names.push((decode('Item', bytes) as Item).name ?? ''))
        call.on('end', () => done(null, encode('ListReply', { next: names.join() })))
        call.on('error', () => undefined)
      },
      Watch: (call: grpc.ServerWritableStream<Buffer, Buffer>) => this.watch(call),
      Chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (bytes: Buffer) => call.write(bytes))
        call.on('end', () => call.end())
        call.on('error', () => undefined)
      },
    })
  }

  static async start(
    options: grpc.ServerOptions = {},
    tls?: { cert: string; key: string; clientCa?: string },
    port = 0,
    extend?: (server: grpc.Server) => void,
  ): Promise<GrpcJsServer> {
    const made = new GrpcJsServer(options)
    extend?.(made.server)
    const credentials =
      tls === undefined
        ? grpc.ServerCredentials.createInsecure()
        : grpc.ServerCredentials.createSsl(
            tls.clientCa === undefined ? null : readFileSync(tls.clientCa),
            [{ cert_chain: readFileSync(tls.cert), private_key: readFileSync(tls.key) }],
            tls.clientCa !== undefined,
          )
    made.port = await new Promise<number>((resolve, reject) => {
      made.server.bindAsync(`127.0.0.1:${port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      )
    })
    return made
  }

  private noteCancel(): void {
    this.seen.cancelled++
    this.seen.onCancel?.()
  }

  private echo(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>): void {
    const { name = '' } = decode('Item', call.request) as Item
    if (name === 'fail') done(NOT_FOUND)
    else if (name === 'hang') call.on('cancelled', () => this.noteCancel())
    else done(null, call.request, answerMetadata(call))
  }

  /** As many items as page_size says; 0: without end. */
  private async watch(call: grpc.ServerWritableStream<Buffer, Buffer>): Promise<void> {
    const { pageSize = 0 } = decode('ListRequest', call.request) as { pageSize?: number }
    let open = true
    call.on('cancelled', () => {
      open = false
      this.noteCancel()
    })
    for (let i = 1; open && (pageSize === 0 || i <= pageSize); i++) {
      if (!call.write(item({ id: String(i), name: 'x'.repeat(1000) }))) {
        await new Promise<void>(resolve => {
          call.once('drain', resolve)
          call.once('cancelled', () => resolve())
        })
      }
    }
    if (open) call.end()
  }

  stop(): void {
    this.server.forceShutdown()
  }
}
