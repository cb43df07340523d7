// Streams that end without a proper end: their client resets them or goes away, or their response cannot be completed.
import { type ResetReason, HttpStats as S } from '../http/index.ts'
import { CloseFlushAndHold } from '../net/index.ts'
import { ResponseFlag } from '../observability/index.ts'
import type { ActiveStream } from './active-stream.ts'
import { isCutTunnel } from './upgrades.ts'

/** The codec says that the stream is no more. */
export function onDownstreamReset(stream: ActiveStream, reason: ResetReason, detail: string | null): void {
  const { info, manager } = stream
  manager.cells[S.RQ_RX_RESET]! += 1
  // One that was refused for its head has not got that far.
  info.protocol ??= manager.codec.protocol
  if (reason !== 'connection_termination') {
    const byPeer = reason === 'remote_reset' || reason === 'remote_refused_stream_reset'
    info.flags |= byPeer ? ResponseFlag.DownstreamRemoteReset : ResponseFlag.DownstreamProtocolError
    info.responseCodeDetails = detail
  } else if ((info.flags & ResponseFlag.DownstreamProtocolError) === 0) {
    info.flags |= ResponseFlag.DownstreamConnectionTermination
    info.responseCodeDetails =
      stream.closedBy === 'local' ? 'downstream_local_disconnect' : 'downstream_remote_disconnect'
  }
  stream.finish()
}

/** The response cannot be completed: the client must see that, so an HTTP/1 connection is cut. */
export function cutStream(stream: ActiveStream): void {
  const { multiplexed, plan, cells } = stream.manager
  // Envoy counts its own resets on both sides; of an HTTP/1 request that is not complete, `streamEnded` counts one.
  cells[S.RQ_TX_RESET]! += 1
  if (multiplexed || stream.requestComplete) cells[S.RQ_RX_RESET]! += 1
  stream.encoder.resetStream(isCutTunnel(stream) ? 'connect_error' : 'local_reset')
  stream.finish()
  if (!multiplexed) stream.connection.close(CloseFlushAndHold, plan.delayedCloseTimeoutMs)
}
