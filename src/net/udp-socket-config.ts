import type { UdpSocketConfigJson } from '#api/envoy/config/core/v3/udp_socket_config_pb.ts'
import { declareSupport } from '../config/index.ts'

const DEFAULT_MAX_RX_DATAGRAM_BYTES = 1500

declareSupport('envoy.config.core.v3.UdpSocketConfig', { supported: ['max_rx_datagram_size', 'prefer_gro'] })

/**
 * The longest datagram that is taken. As in Envoy there is no limit where datagrams may arrive merged (GRO): the kernel
 * needs large buffers then. Node.js reads them one by one all the same.
 */
export function maxRxDatagramBytes(config: UdpSocketConfigJson | undefined, preferGroByDefault: boolean): number {
  if (config?.preferGro ?? preferGroByDefault) return Number.POSITIVE_INFINITY
  return Number(config?.maxRxDatagramSize ?? DEFAULT_MAX_RX_DATAGRAM_BYTES)
}
