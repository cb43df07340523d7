// gRPC services made with @grpc/grpc-js whose every stream a script plays.
import type { JsonValue } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { jsonMessages } from './json-messages.ts'

export type JsonMessage = { readonly [name: string]: JsonValue }

/** One stream of the proxy's to the service. */
export interface ServiceStream {
  readonly metadata: grpc.Metadata
  send(message: JsonMessage): void
  /** Ends the stream; 0: well. */
  end(status?: number, details?: string): void
  /** Takes no further messages, and takes them again. */
  pause(): void
  resume(): void
}

export interface StreamScript {
  onMessage?(message: JsonMessage, stream: ServiceStream): void
  /** The proxy will send no more. */
  onEnd?(stream: ServiceStream): void
  onCancelled?(stream: ServiceStream): void
}

export interface StreamingMethod {
  /** '/package.Service/Method' */
  readonly path: string
  readonly request: string
  readonly response: string
}

/** A service with one method, to which client and server both stream, on a free port. */
export class ScriptedGrpc {
  readonly port: number
  readonly streams: ServiceStream[] = []
  script: StreamScript
  private readonly server: grpc.Server

  private constructor(server: grpc.Server, port: number, script: StreamScript) {
    this.server = server
    this.port = port
    this.script = script
  }

  static async start(method: StreamingMethod, script: StreamScript = {}): Promise<ScriptedGrpc> {
    const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
    const request = jsonMessages(method.request)
    const response = jsonMessages(method.response)
    const definition: grpc.MethodDefinition<JsonMessage, JsonMessage> = {
      path: method.path,
      requestStream: true,
      responseStream: true,
      requestSerialize: request.encode,
      requestDeserialize: bytes => request.decode(bytes) as JsonMessage,
      responseSerialize: response.encode,
      responseDeserialize: bytes => response.decode(bytes) as JsonMessage,
    }
    let service: ScriptedGrpc | undefined
    server.addService(
      { Stream: definition },
      { Stream: (call: grpc.ServerDuplexStream<JsonMessage, JsonMessage>) => service?.accept(call) },
    )
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    service = new ScriptedGrpc(server, port, script)
    return service
  }

  private accept(call: grpc.ServerDuplexStream<JsonMessage, JsonMessage>): void {
    let over = false
    const stream: ServiceStream = {
      metadata: call.metadata,
      send: message => {
        if (!over) call.write(message)
      },
      end: (code = 0, details = '') => {
        if (over) return
        over = true
        if (code === 0) call.end()
        else call.emit('error', Object.assign(new Error(details), { code, details }))
      },
      pause: () => void call.pause(),
      resume: () => void call.resume(),
    }
    this.streams.push(stream)
    call.on('data', (message: JsonMessage) => this.script.onMessage?.(message, stream))
    call.on('end', () => {
      this.script.onEnd?.(stream)
      stream.end()
    })
    call.on('cancelled', () => {
      over = true
      this.script.onCancelled?.(stream)
    })
    call.on('error', () => undefined)
  }

  close(): void {
    this.server.forceShutdown()
  }
}
