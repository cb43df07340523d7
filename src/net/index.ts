export * from './access-log.ts'
export * from './access-log-filter.ts'
export * from './address.ts'
export * from './address-message.ts'
export { type AddressOrder, orderAddresses } from './address-race.ts'
export { CelSubject } from './cel/cel-subject.ts'
export * from './cel/index.ts'
export * from './cidr.ts'
export * from './connect.ts'
export * from './connect-failure.ts'
export * from './connection.ts'
export * from './connection-counters.ts'
export { isBeyondAccepted, refreshDescriptorLimit } from './descriptor-limit.ts'
export * from './drain-state.ts'
export { filterStateObject } from './filter-state/object-factories.ts'
export { compileStateValues, type StateValue, StateWriter } from './filter-state/state-values.ts'
export { withFormatters } from './formatters.ts'
export * from './listen-socket.ts'
export * from './listener-filter.ts'
export * from './log-files.ts'
export { type MatcherTree, type MatchInput, TreeCompiler, type TreeParts } from './matching/matcher-tree.ts'
export {
  isLocalConnection,
  NETWORK_INPUTS,
  type NetworkSubject,
  networkInput,
} from './matching/network-inputs.ts'
export * from './network-filter.ts'
export {
  NO_OVERLOAD,
  OVERLOAD_ACTIONS,
  type OverloadActionName,
  type OverloadLevels,
  OverloadState,
} from './overload-state.ts'
export * from './own-address.ts'
export { adoptConnection, detachHandle } from './plain-connection.ts'
export * from './proxy-protocol-config.ts'
export * from './proxy-protocol-header.ts'
export * from './runtime-fraction.ts'
export { sharedBucket } from './shared-bucket.ts'
export { hash64, SharedCells } from './shared-cells.ts'
export * from './substitution-format.ts'
export * from './tap-points.ts'
export { compileTcpKeepalive, type TcpKeepalive, withSocketOptions } from './tcp-keepalive.ts'
export * from './thread.ts'
export * from './thread-buffers.ts'
export * from './transport-socket/contract.ts'
export type { AcceptedHandle } from './transport-socket/stream-handle.ts'
export { Certificate, parseSans } from './transport-socket/tls/certificate.ts'
export { type ClientHello, parseClientHello } from './transport-socket/tls/client-hello.ts'
export * from './transport-socket/tls/engine.ts'
export { ja3Fingerprint, ja4Fingerprint } from './transport-socket/tls/fingerprints.ts'
export { OwnCertificate } from './transport-socket/tls/tls-info.ts'
export { type TlsRole, TlsSocket } from './transport-socket/tls/tls-socket.ts'
export * from './udp-listener-filter.ts'
export { type UdpReceiver, UdpSocket } from './udp-socket.ts'
export * from './udp-socket-config.ts'
export { whyNotWritable } from './writable.ts'
