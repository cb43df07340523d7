/** Of the informational responses only these are taken notice of (Envoy); others are dropped. */
export function isKnownInterim(status: number): boolean {
  return status === 100 || status === 102 || status === 103
}
