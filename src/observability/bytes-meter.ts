// HOT FILE (docs/hot-path.md): one object per message exchange, counted by the codec.

/** What one stream moved over its connection, framing included. */
export class BytesMeter {
  wireReceived = 0
  wireSent = 0
  /** Of the lines of heads and trailers; as Envoy counts them, three bytes beside name and value. */
  headerReceived = 0
  /** Of the lines of heads and trailers, as they went out. */
  headerSent = 0
}
