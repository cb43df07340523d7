// MOVED and ASK: a host says that another one has the key.
import { ipAddress, parseIp } from '../../../../net/index.ts'
import { type Cluster, HOST_CELLS, HOST_ROW_CELLS, Host } from '../../../../upstream/index.ts'
import type { ReplyReceiver } from './reply-receiver.ts'

/** A host that sends on what has been sent to it so often knows nothing. */
const MAX_REDIRECTS = 5
const MAX_ERROR_BYTES = 512
const NOWHERE = { region: '', zone: '', subZone: '' }

export interface Redirection {
  /** 'ip:port' as the host wrote it. */
  readonly target: string
  /** Only this command goes there, behind ASKING. */
  readonly ask: boolean
}

/** What an error reply says; 'down': no host of the cluster has the key; null: it is any other error. */
export function readRedirection(bytes: Buffer, start: number, end: number): Redirection | 'down' | null {
  const words = bytes
    .latin1Slice(start + 1, Math.min(end, start + MAX_ERROR_BYTES) - 2)
    .split(' ')
    .filter(word => word !== '')
  if (words[0] === 'CLUSTERDOWN') return 'down'
  if (words.length !== 3 || (words[0] !== 'MOVED' && words[0] !== 'ASK')) return null
  return { target: words[2]!, ask: words[0] === 'ASK' }
}

/** Null: it is no address, or one that a name has yet to become. */
export function targetAddress(target: string): { readonly host: string; readonly port: number } | null {
  const colon = target.lastIndexOf(':')
  const host = target.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1')
  const digits = target.slice(colon + 1)
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0
  return port > 0 && port <= 65535 && parseIp(host) !== null ? { host, port } : null
}

/** A host that the cluster does not have. */
export function unknownHost(cluster: Cluster, host: string, port: number, nowMs: number): Host {
  const address = ipAddress(host, port)
  const endpoint = {
    address,
    additionalAddresses: [],
    hostname: '',
    weight: 1,
    healthFlags: 0,
    canary: false,
    metadata: null,
    healthCheck: null,
  }
  const cells = new Float64Array(HOST_CELLS)
  return new Host(cluster.name, address.toString(), endpoint, NOWHERE, 0, cells, new Int32Array(HOST_ROW_CELLS), nowMs)
}

/** Who waits for the reply of the host that a command was sent on to. */
class Redirected implements ReplyReceiver {
  readonly receiver: ReplyReceiver
  readonly times: number

  constructor(receiver: ReplyReceiver, times: number) {
    this.receiver = receiver
    this.times = times
  }

  get cancelled(): boolean {
    return this.receiver.cancelled
  }

  onReply(bytes: Buffer, start: number, end: number, index: number): void {
    this.receiver.onReply(bytes, start, end, index)
  }

  onUpstreamFailure(index: number): void {
    this.receiver.onUpstreamFailure(index)
  }
}

/** The same, once more; null: it has been sent on too often. */
export function redirected(receiver: ReplyReceiver): ReplyReceiver | null {
  if (!(receiver instanceof Redirected)) return new Redirected(receiver, 1)
  return receiver.times < MAX_REDIRECTS ? new Redirected(receiver.receiver, receiver.times + 1) : null
}
