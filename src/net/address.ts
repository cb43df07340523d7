import type { AddressJson } from '#api/envoy/config/core/v3/address_pb.ts'

/** An IP endpoint or a Unix domain socket; immutable. */
export interface Address {
  readonly kind: 'ip' | 'pipe'
  /** IP address or, before resolution, a host name; '' for a pipe. */
  readonly host: string
  /** 0 for a pipe. */
  readonly port: number
  /** File path of a pipe, else ''. */
  readonly path: string
  /** Permission bits of a pipe that is listened on; 0: as the umask says. */
  readonly mode: number
  /** '127.0.0.1:80', '[::1]:80' or '/run/x.sock', as Envoy prints it. */
  toString(): string
}

class IpAddress implements Address {
  readonly kind = 'ip'
  readonly host: string
  readonly port: number
  readonly path = ''
  readonly mode = 0
  private readonly text: string

  constructor(host: string, port: number) {
    this.host = host
    this.port = port
    this.text = formatHostPort(host, port)
  }

  toString(): string {
    return this.text
  }
}

class PipeAddress implements Address {
  readonly kind = 'pipe'
  readonly host = ''
  readonly port = 0
  readonly path: string
  readonly mode: number

  constructor(path: string, mode: number) {
    this.path = path
    this.mode = mode
  }

  toString(): string {
    return this.path
  }
}

/** 'host:port', with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function ipAddress(host: string, port: number): Address {
  return new IpAddress(host, port)
}

export function pipeAddress(path: string, mode = 0): Address {
  return new PipeAddress(path, mode)
}

/** Reads envoy.config.core.v3.Address: `socket_address` with `port_value`, or `pipe`. */
export function parseAddress(json: AddressJson): Address {
  if (json.pipe !== undefined) return pipeAddress(json.pipe.path ?? '', json.pipe.mode ?? 0)
  const socket = json.socketAddress
  return ipAddress(socket?.address ?? '', socket?.portValue ?? 0)
}
