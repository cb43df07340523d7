import type { ExtensionFactory } from '../../../config/index.ts'

const rawBuffer = (category: string): ExtensionFactory<null> => ({
  name: 'envoy.transport_sockets.raw_buffer',
  category,
  typeNames: ['envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'],
  compile: () => null,
})

/** envoy.transport_sockets.raw_buffer: nothing between socket and filters, so there is no factory at all. */
export const downstreamRawBufferFactory = rawBuffer('envoy.transport_sockets.downstream')
export const upstreamRawBufferFactory = rawBuffer('envoy.transport_sockets.upstream')
