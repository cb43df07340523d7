import type { Field } from '../format-context.ts'
import type { StreamInfo } from '../stream-info.ts'

/** '10.0.0.1' of '10.0.0.1:80', '::1' of '[::1]:80'; a pipe's path stays as it is. */
export function hostOf(address: string): string {
  if (address.startsWith('[')) return address.slice(1, address.indexOf(']'))
  const colon = address.lastIndexOf(':')
  return address.startsWith('/') || colon < 0 ? address : address.slice(0, colon)
}

function portOf(address: string): number | null {
  const colon = address.lastIndexOf(':')
  return address.startsWith('/') || colon < 0 ? null : Number(address.slice(colon + 1))
}

const ADDRESSES: Readonly<Record<string, (info: StreamInfo) => string | null>> = {
  DOWNSTREAM_REMOTE: info => info.remoteAddress ?? info.connection.remoteAddress,
  DOWNSTREAM_DIRECT_REMOTE: info => info.connection.directRemoteAddress,
  DOWNSTREAM_LOCAL: info => info.connection.localAddress,
  DOWNSTREAM_DIRECT_LOCAL: info => info.connection.directLocalAddress,
  UPSTREAM_LOCAL: info => info.upstreamLocalAddress,
  UPSTREAM_REMOTE: info => info.upstreamRemoteAddress,
}

const FORMS: Readonly<Record<string, (address: string) => string | number | null>> = {
  ADDRESS: address => address,
  ADDRESS_WITHOUT_PORT: hostOf,
  PORT: portOf,
  // The id of an address inside Envoy, which no address here is.
  ADDRESS_ENDPOINT_ID: () => '',
}

function field(read: (info: StreamInfo) => string | null, form: (address: string) => string | number | null): Field {
  return ({ info }) => {
    const address = read(info)
    return address === null || address === '' ? null : form(address)
  }
}

export const ADDRESS_FIELDS: Readonly<Record<string, Field>> = Object.fromEntries(
  Object.entries(ADDRESSES).flatMap(([prefix, read]) =>
    Object.entries(FORMS).map(([suffix, form]) => [`${prefix}_${suffix}`, field(read, form)]),
  ),
)

/** `..._ADDRESS_WITHOUT_PORT(24)`: the network, such as 10.1.2.0/24. Undefined when it is no such operator or number. */
export function maskedAddressField(name: string, argument: string): Field | undefined {
  const read = ADDRESSES[name.replace(/_ADDRESS_WITHOUT_PORT$/, '')]
  const bits = Number(argument)
  if (read === undefined || !/^\d{1,3}$/.test(argument) || bits > 128) return undefined
  return field(read, address => network(hostOf(address), bits))
}

function network(host: string, bits: number): string | null {
  if (host.startsWith('/')) return null
  if (!host.includes(':')) {
    if (bits > 32) return null
    return `${masked(host.split('.').map(Number), 8, bits).join('.')}/${bits}`
  }
  const [before = '', after] = host.split('::')
  const words = (text: string | undefined): number[] =>
    text === undefined || text === '' ? [] : text.split(':').map(word => Number.parseInt(word, 16))
  const head = words(before)
  const tail = words(after)
  const all = [...head, ...new Array<number>(Math.max(8 - head.length - tail.length, 0)).fill(0), ...tail]
  const text = masked(all, 16, bits).map(word => word.toString(16))
  // URL writes IPv6 addresses in their shortest form.
  return `${new URL(`http://[${text.join(':')}]`).hostname.slice(1, -1)}/${bits}`
}

function masked(parts: readonly number[], width: 8 | 16, bits: number): number[] {
  const full = 2 ** width - 1
  return parts.map((part, i) => {
    const kept = Math.min(Math.max(bits - i * width, 0), width)
    return part & (full - (full >>> kept))
  })
}
