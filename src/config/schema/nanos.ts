/** Nanoseconds of a canonical duration ('1.5s'); exact over the whole range of google.protobuf.Duration. */
export function durationNanos(duration: string): bigint {
  const text = duration.slice(0, -1)
  const dot = text.indexOf('.')
  const negative = text.startsWith('-')
  const seconds = BigInt(dot < 0 ? text : text.slice(0, dot))
  const nanos = dot < 0 ? 0n : BigInt(text.slice(dot + 1).padEnd(9, '0'))
  return seconds * 1_000_000_000n + (negative ? -nanos : nanos)
}

/** The canonical text of seconds and nanoseconds, with 0, 3, 6 or 9 fraction digits as protobuf prints it. */
export function durationText(seconds: bigint, nanos: number): string {
  const sign = seconds < 0n || nanos < 0 ? '-' : ''
  const whole = seconds < 0n ? -seconds : seconds
  if (nanos === 0) return `${sign}${whole}s`
  const digits = String(Math.abs(nanos)).padStart(9, '0')
  const fraction = digits.endsWith('000000') ? digits.slice(0, 3) : digits.endsWith('000') ? digits.slice(0, 6) : digits
  return `${sign}${whole}.${fraction}s`
}
