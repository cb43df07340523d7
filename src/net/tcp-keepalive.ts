// Keep-alive probes of TCP: of the socket options of a configuration, what Node.js can set.
import type net from 'node:net'
import type { TcpKeepaliveJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { SocketOptionJson } from '#api/envoy/config/core/v3/socket_option_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, int64 } from '../config/index.ts'

const CORE = 'envoy.config.core.v3'
const SPECIAL = 'only whole numbers can be set; use int_value'

declareSupport(`${CORE}.TcpKeepalive`, { supported: ['keepalive_probes', 'keepalive_time', 'keepalive_interval'] })
declareSupport(`${CORE}.SocketOption`, {
  supported: ['level', 'name', 'int_value'],
  refused: {
    buf_value: SPECIAL,
    type: 'there are stream sockets only; leave it out',
    ip_version: 'the options are the same for both families; leave it out',
  },
  accepted: {
    description: 'for readers',
    state: 'the options hold for accepted connections, whenever they are set',
  },
})

export interface TcpKeepalive {
  readonly idleS: number
  readonly intervalS: number
  readonly probes: number
}

/** What Linux does unless told otherwise. */
const SYSTEM: TcpKeepalive = { idleS: 7200, intervalS: 75, probes: 9 }

/** The types of Node.js do not know yet that interval and number of probes can be set. */
type ProbedSocket = net.Socket & { setKeepAlive(on: boolean, idleMs: number, intervalMs: number, probes: number): void }

export function probeOften(socket: net.Socket, { idleS, intervalS, probes }: TcpKeepalive): void {
  ;(socket as ProbedSocket).setKeepAlive(true, idleS * 1000, intervalS * 1000, probes)
}

/** Null: none was asked for, or it was switched off with a 0. */
export function compileTcpKeepalive(json: TcpKeepaliveJson | undefined): TcpKeepalive | null {
  if (json === undefined) return null
  const { keepaliveTime, keepaliveInterval, keepaliveProbes } = json
  // As Envoy: all three at 0 switch it off.
  if (keepaliveTime === 0 && keepaliveInterval === 0 && keepaliveProbes === 0) return null
  return {
    idleS: keepaliveTime ?? SYSTEM.idleS,
    intervalS: keepaliveInterval ?? SYSTEM.intervalS,
    probes: keepaliveProbes ?? SYSTEM.probes,
  }
}

/** Names of Linux, by 'level:name'. */
const SO_KEEPALIVE = '1:9'
const TCP_NODELAY = '6:1'
const NUMBERS: Readonly<Record<string, keyof TcpKeepalive>> = { '6:4': 'idleS', '6:5': 'intervalS', '6:6': 'probes' }

/** Socket options in the place of `keepalive`, as far as they are known. */
export function withSocketOptions(
  keepalive: TcpKeepalive | null,
  options: readonly SocketOptionJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): TcpKeepalive | null {
  let on = keepalive !== null
  const numbers = { ...(keepalive ?? SYSTEM) }
  options?.forEach((option, i) => {
    const value = int64(option.intValue ?? 0)
    const key = `${int64(option.level ?? 0)}:${int64(option.name ?? 0)}`
    const number = NUMBERS[key]
    if (key === SO_KEEPALIVE) on = value !== 0
    else if (number !== undefined) numbers[number] = value
    else if (key !== TCP_NODELAY || value === 0) {
      context.diagnostics.error(path.index(i), 'Node.js offers no way to set this socket option', {
        expected:
          'SO_KEEPALIVE (1, 9), TCP_KEEPIDLE (6, 4), TCP_KEEPINTVL (6, 5), TCP_KEEPCNT (6, 6), TCP_NODELAY (6, 1) on',
        found: `level ${option.level ?? 0}, name ${option.name ?? 0}`,
      })
    }
  })
  return on ? numbers : null
}
