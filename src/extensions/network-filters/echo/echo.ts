import {
  type Connection,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
  type WatermarkCallbacks,
} from '../../../net/index.ts'

/** Sends back what it receives; a client that does not read its echo is not read from either. */
export class Echo implements NetworkFilter, WatermarkCallbacks {
  private connection: Connection = null as never

  initialize({ connection }: NetworkFilterCallbacks): void {
    this.connection = connection
    connection.watermarkCallbacks = this
    connection.expectBulk = true
  }

  onNewConnection(): FilterStatus {
    return Continue
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): FilterStatus {
    if (end > start) this.connection.write(data, start, end)
    if (endStream) this.connection.endWrite()
    return StopIteration
  }

  onAboveWriteBufferHighWatermark(): void {
    this.connection.readDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.connection.readDisable(false)
  }

  onClose(): void {}
}
