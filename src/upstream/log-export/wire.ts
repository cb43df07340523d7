// Protobuf by hand, where a message is made of parts that are encoded already: they are neither decoded nor kept twice.

const LENGTH_DELIMITED = 2
const MORE = 0x80

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= MORE; rest = Math.floor(rest / MORE)) bytes.push((rest % MORE) | MORE)
  bytes.push(rest)
  return bytes
}

/** A field that holds a message, for each of `messages` once. */
export function messageFields(field: number, messages: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = []
  for (const message of messages) {
    parts.push(Uint8Array.from([...varint(field * 8 + LENGTH_DELIMITED), ...varint(message.length)]), message)
  }
  return Buffer.concat(parts)
}
