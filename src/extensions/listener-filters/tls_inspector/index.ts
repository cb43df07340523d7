import type { TlsInspectorJson } from '#api/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { ListenerFilterPlan, ThreadContext } from '../../../net/index.ts'
import { TLS_INSPECTOR_STATS, TlsInspector, type TlsInspectorPlan } from './tls-inspector.ts'

const DEFAULT_MAX_CLIENT_HELLO_BYTES = 16384

declareSupport('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {
  supported: [
    'max_client_hello_size',
    'close_connection_on_client_hello_parsing_errors',
    'enable_ja3_fingerprinting',
    'enable_ja4_fingerprinting',
  ],
  accepted: { initial_read_buffer_size: 'bytes are kept as they come, whatever their number' },
})

/** Fields younger than the package that the types come from. */
interface LaterFields {
  readonly maxClientHelloSize?: number
  readonly closeConnectionOnClientHelloParsingErrors?: boolean
  readonly enableJa4Fingerprinting?: boolean
}

/** envoy.filters.listener.tls_inspector */
export const tlsInspectorFactory: ExtensionFactory<ListenerFilterPlan> = {
  name: 'envoy.filters.listener.tls_inspector',
  category: 'envoy.filters.listener',
  typeNames: ['envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'],
  compile: resource => {
    const config = resource as TlsInspectorJson & LaterFields
    const plan: TlsInspectorPlan = {
      maxClientHelloBytes: config.maxClientHelloSize ?? DEFAULT_MAX_CLIENT_HELLO_BYTES,
      closeOnParsingErrors: config.closeConnectionOnClientHelloParsingErrors ?? false,
      ja3: config.enableJa3Fingerprinting === true,
      ja4: config.enableJa4Fingerprinting === true,
    }
    return {
      create: (thread: ThreadContext) =>
        new TlsInspector(plan, thread.stats.block('tls_inspector.', TLS_INSPECTOR_STATS)),
    }
  },
}
