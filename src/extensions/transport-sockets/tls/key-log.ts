import type { TlsKeyLogJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import {
  type Cidr,
  endpointOf,
  openLogFile,
  parseCidr,
  type ThreadContext,
  type TlsHandle,
} from '../../../net/index.ts'

/** Writes the secrets of sessions to a file, for those who have to read recorded traffic. */
export class KeyLog {
  private readonly path: string
  private readonly local: readonly Cidr[]
  private readonly remote: readonly Cidr[]
  private readonly thread: ThreadContext

  constructor(json: TlsKeyLogJson, thread: ThreadContext) {
    this.path = json.path ?? ''
    this.local = (json.localAddressRange ?? []).map(range => parseCidr(range)).filter(range => range !== null)
    this.remote = (json.remoteAddressRange ?? []).map(range => parseCidr(range)).filter(range => range !== null)
    this.thread = thread
  }

  /** 'ip:port' each. */
  attach(handle: TlsHandle, localAddress: string, remoteAddress: string): void {
    if (!covers(this.local, localAddress) || !covers(this.remote, remoteAddress)) return
    const file = openLogFile(this.thread, this.path)
    handle.onkeylog = line => file.append(line.toString('latin1'))
    handle.enableKeylogCallback()
  }
}

/** No range at all stands for every address. */
function covers(ranges: readonly Cidr[], address: string): boolean {
  if (ranges.length === 0) return true
  const { ip } = endpointOf(address)
  return ip !== null && ranges.some(range => range.contains(ip))
}
