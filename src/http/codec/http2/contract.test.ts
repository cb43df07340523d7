import assert from 'node:assert/strict'
import { StatStore } from '../../../observability/index.ts'
import { HTTP2_STATS } from '../../http2-stats.ts'
import { describeCodecContract } from '../testing/contract.ts'
import { MemoryConnection } from '../testing/memory-connection.ts'
import { pumpBetween } from '../testing/memory-pair.ts'
import { Http2ClientCodec } from './client.ts'
import { DEFAULT_HTTP2_OPTIONS, type Http2Options } from './options.ts'
import { Http2ServerCodec } from './server.ts'

function describePair(name: string, changes: Partial<Http2Options>): void {
  const options = { ...DEFAULT_HTTP2_OPTIONS, allowConnect: true, ...changes }
  describeCodecContract(name, newStream => {
    const stats = new StatStore().block('http2.', HTTP2_STATS)
    const [up, down] = [new MemoryConnection(), new MemoryConnection()]
    const fail = (details: unknown): never => assert.fail(JSON.stringify(details))
    const server = new Http2ServerCodec(down.connection, { newStream, onCodecError: fail }, options, stats)
    const client = new Http2ClientCodec(
      up.connection,
      { onStreamClosed() {}, onMaxConcurrentStreams() {}, onGoAway() {}, onProtocolError: fail },
      options,
      stats,
    )
    return {
      server,
      newStream: decoder => client.newStream(decoder),
      pump: pieceBytes => pumpBetween({ codec: client, memory: up }, { codec: server, memory: down }, pieceBytes),
    }
  })
}

describePair('HTTP/2', {})
describePair('HTTP/2 with the smallest windows and Huffman code', {
  initialStreamWindowBytes: 65535,
  initialConnectionWindowBytes: 65535,
  huffman: true,
})
describePair('HTTP/2 without a dynamic table', { hpackTableBytes: 0 })
