/**
 * Milliseconds of a ProtoJSON duration: '1.5s' -> 1500. Sub-millisecond parts are kept as a fraction. The text comes from
 * a checked resource, so its form is not checked again.
 */
export function durationMs(duration: string): number
export function durationMs(duration: string | undefined, fallbackMs: number): number
export function durationMs(duration: string | undefined, fallbackMs = 0): number {
  if (duration === undefined) return fallbackMs
  const seconds = duration.endsWith('s') ? duration.slice(0, -1) : duration
  const dot = seconds.indexOf('.')
  if (dot < 0) return Number(seconds) * 1000
  // Moving the point in the text instead of multiplying keeps '0.0011s' from becoming 1.1000000000000001.
  const fraction = `${seconds.slice(dot + 1)}000`
  return Number(`${seconds.slice(0, dot)}${fraction.slice(0, 3)}.${fraction.slice(3)}`)
}

/** A 64-bit integer of a resource (a decimal string) as a number; exact up to 2^53. */
export function int64(value: string | number): number {
  return Number(value)
}
