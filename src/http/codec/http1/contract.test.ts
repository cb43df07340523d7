import assert from 'node:assert/strict'
import { describeCodecContract } from '../testing/contract.ts'
import { MemoryConnection } from '../testing/memory-connection.ts'
import { pumpBetween } from '../testing/memory-pair.ts'
import { Http1ClientCodec } from './client.ts'
import type { Http1Options } from './options.ts'
import { Http1ServerCodec } from './server.ts'

const OPTIONS: Http1Options = {
  limits: { maxBytes: 61440, maxCount: 100, underscores: 'ALLOW' },
  acceptHttp10: true,
  defaultHostForHttp10: '',
  enableTrailers: true,
  allowChunkedLength: false,
  allowAbsoluteUrl: true,
  refuseHttpsInPlaintext: false,
  headerCase: null,
  preserveCase: null,
  customMethods: false,
  fullyQualifiedUrl: false,
  ignoredUpgrades: [],
}

describeCodecContract('HTTP/1.1', newStream => {
  const [up, down] = [new MemoryConnection(), new MemoryConnection()]
  const fail = (details: unknown): never => assert.fail(JSON.stringify(details))
  const server = new Http1ServerCodec(down.connection, { newStream, onCodecError: fail }, OPTIONS)
  const client = new Http1ClientCodec(up.connection, { onStreamComplete() {}, onProtocolError: fail }, OPTIONS)
  return {
    server,
    newStream: decoder => client.newStream(decoder),
    pump: pieceBytes => {
      const halves = [
        { codec: client, memory: up },
        { codec: server, memory: down },
      ] as const
      pumpBetween(...halves, pieceBytes, () => server.resumePipelined())
    },
  }
})
