import net from 'node:net'
import type { CidrRangeJson } from '#api/envoy/config/core/v3/address_pb.ts'

/** An IP address as 16-bit groups: two for IPv4, eight for IPv6. An IPv4-mapped IPv6 address counts as IPv4. */
export type IpGroups = readonly number[]

/** Reads an IP address without brackets; null when the text is none. */
export function parseIp(text: string): IpGroups | null {
  if (net.isIPv4(text)) return ipv4Groups(text)
  if (!net.isIPv6(text)) return null
  const groups = ipv6Groups(text)
  const mapped = groups[5] === 0xffff && groups.slice(0, 5).every(group => group === 0)
  return mapped ? groups.slice(6) : groups
}

function ipv4Groups(text: string): number[] {
  const [a, b, c, d] = text.split('.').map(Number) as [number, number, number, number]
  return [(a << 8) | b, (c << 8) | d]
}

function ipv6Groups(text: string): number[] {
  const [withoutZone] = text.split('%') as [string]
  const [head, tail] = withoutZone.split('::') as [string, string | undefined]
  const left = groupsOf(head)
  if (tail === undefined) return left
  const right = groupsOf(tail)
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right]
}

function groupsOf(part: string): number[] {
  if (part === '') return []
  return part.split(':').flatMap(group => (group.includes('.') ? ipv4Groups(group) : [Number.parseInt(group, 16)]))
}

/** The address with all bits behind the first `bits` cleared. */
export function maskIp(ip: IpGroups, bits: number): IpGroups {
  return ip.map((group, i) => {
    const kept = bits - i * 16
    return kept >= 16 ? group : kept <= 0 ? 0 : (group >> (16 - kept)) << (16 - kept)
  })
}

/** The address in its usual form: RFC 5952 for IPv6. */
export function ipText(ip: IpGroups): string {
  if (ip.length === 2) return ip.map(group => `${group >> 8}.${group & 255}`).join('.')
  const hex = ip.map(group => group.toString(16))
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && ip[end] === 0) end++
    if (end - i > length) [start, length] = [i, end - i]
  }
  if (start < 0) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** 127.0.0.1 or ::1: as Envoy, not all of 127.0.0.0/8. */
export function isLoopback(ip: IpGroups): boolean {
  if (ip.length === 2) return ip[0] === 0x7f00 && ip[1] === 1
  return ip[7] === 1 && ip.slice(0, 7).every(group => group === 0)
}

export function sameIp(a: IpGroups, b: IpGroups): boolean {
  return a.length === b.length && a.every((group, i) => group === b[i])
}

/** A range of IP addresses, such as 10.0.0.0/8. */
export class Cidr {
  readonly groups: IpGroups
  readonly prefixLength: number

  constructor(groups: IpGroups, prefixLength: number) {
    this.groups = groups
    this.prefixLength = Math.min(prefixLength, groups.length * 16)
  }

  contains(ip: IpGroups): boolean {
    if (ip.length !== this.groups.length) return false
    let bits = this.prefixLength
    for (let i = 0; bits > 0; i++, bits -= 16) {
      const shift = bits >= 16 ? 0 : 16 - bits
      if (ip[i]! >> shift !== this.groups[i]! >> shift) return false
    }
    return true
  }

  /** The masked range: equal text means equal range. */
  toString(): string {
    const masked = maskIp(this.groups, this.prefixLength)
    return `${masked.map(group => group.toString(16)).join(':')}/${this.prefixLength}`
  }
}

/** Reads envoy.config.core.v3.CidrRange; null when the address is no IP address. An absent length is 0, as in Envoy. */
export function parseCidr(json: CidrRangeJson): Cidr | null {
  const text = json.addressPrefix ?? ''
  const groups = parseIp(text)
  if (groups === null) return null
  const mappedBits = groups.length === 2 && text.includes(':') ? 96 : 0
  return new Cidr(groups, Math.max((json.prefixLen ?? 0) - mappedBits, 0))
}

export interface IpEndpoint {
  readonly ip: IpGroups | null
  readonly port: number
}

const NO_ENDPOINT: IpEndpoint = { ip: null, port: 0 }

/** Takes 'ip:port' or '[ip]:port' apart; a pipe's path has neither. */
export function endpointOf(text: string): IpEndpoint {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return NO_ENDPOINT
  const host = text[0] === '[' ? text.slice(1, colon - 1) : text.slice(0, colon)
  const ip = parseIp(host)
  return ip === null ? NO_ENDPOINT : { ip, port: Number(text.slice(colon + 1)) }
}
