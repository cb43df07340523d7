// The context of a trace in the sw8 header (Cross Process Propagation Headers Protocol, version 3).

/** Where the caller's segment left off. */
export interface Reference {
  readonly traceId: string
  readonly segmentId: string
  readonly spanId: number
  readonly service: string
  readonly instance: string
  readonly endpoint: string
  readonly address: string
}

const PARTS = 8
const NUMBER = /^\d{1,9}$/
const BASE64 = /^[0-9A-Za-z+/]*={0,2}$/

const decoded = (text: string): string => Buffer.from(text, 'base64').toString('latin1')
const encoded = (text: string): string => Buffer.from(text, 'latin1').toString('base64')

/** Null: it is no sw8 header. */
export function readSw8(text: string): Reference | null {
  const parts = text.split('-')
  if (parts.length !== PARTS) return null
  const [flag = '', traceId = '', segmentId = '', spanId = '', ...names] = parts
  if ((flag !== '0' && flag !== '1') || !NUMBER.test(spanId)) return null
  if (![traceId, segmentId, ...names].every(part => part !== '' && BASE64.test(part))) return null
  const [service = '', instance = '', endpoint = '', address = ''] = names.map(decoded)
  return {
    traceId: decoded(traceId),
    segmentId: decoded(segmentId),
    spanId: Number(spanId),
    service,
    instance,
    endpoint,
    address,
  }
}

export function writeSw8({ traceId, segmentId, spanId, service, instance, endpoint, address }: Reference): string {
  const names = [service, instance, endpoint, address].map(encoded).join('-')
  return `1-${encoded(traceId)}-${encoded(segmentId)}-${spanId}-${names}`
}
