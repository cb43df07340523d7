// Asks one host for CLUSTER SLOTS, over a connection of its own.
import { type Address, type CloseEvent, CloseNoFlush, type Connection, type ConnectionReader } from '../../net/index.ts'
import { parseValue, RespReader, type RespValue, respCommand } from '../../net/resp/index.ts'
import { authWords, type RedisCredentials } from './redis-credentials.ts'

const CLUSTER_SLOTS = respCommand(['CLUSTER', 'SLOTS'])

export class TopologyQuery implements ConnectionReader {
  private readonly connection: Connection
  private readonly login: readonly string[] | null
  private readonly onAnswer: (reply: RespValue | string) => void
  private readonly reader = new RespReader({ onRespValue: (bytes, start) => this.onValue(parseValue(bytes, start)) })
  private loggedIn: boolean
  private over = false

  /** `onAnswer` gets the reply, or why there is none; once, unless it is cancelled. */
  constructor(connection: Connection, credentials: RedisCredentials, onAnswer: (reply: RespValue | string) => void) {
    this.connection = connection
    this.login = authWords(credentials)
    this.loggedIn = this.login === null
    this.onAnswer = onAnswer
    connection.reader = this
  }

  onConnected(): void {
    const login = this.login === null ? '' : respCommand(this.login)
    this.connection.writeString(login + CLUSTER_SLOTS)
  }

  onData(data: Buffer, start: number, end: number): void {
    this.reader.feed(data, start, end)
    if (this.reader.broken) this.finish('it speaks no RESP')
  }

  private onValue(value: RespValue): void {
    // What a wrong password leads to is told by the next reply.
    if (this.loggedIn) this.finish(value)
    this.loggedIn = true
  }

  onEnd(): void {
    this.finish('it has closed the connection')
  }

  onClose(_event: CloseEvent, errno: string | null): void {
    this.finish(errno ?? 'it has closed the connection')
  }

  cancel(): void {
    this.over = true
    this.connection.close(CloseNoFlush)
  }

  private finish(reply: RespValue | string): void {
    if (this.over) return
    this.cancel()
    this.onAnswer(reply)
  }
}

/** How a host is connected to. */
export type ConnectTo = (address: Address) => Connection
