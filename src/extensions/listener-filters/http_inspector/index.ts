import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { ListenerFilterPlan, ThreadContext } from '../../../net/index.ts'
import { HTTP_INSPECTOR_STATS, HttpInspector } from './http-inspector.ts'

declareSupport('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', { supported: [] })

/** envoy.filters.listener.http_inspector */
export const httpInspectorFactory: ExtensionFactory<ListenerFilterPlan> = {
  name: 'envoy.filters.listener.http_inspector',
  category: 'envoy.filters.listener',
  typeNames: ['envoy.extensions.filters.listener.http_inspector.v3.HttpInspector'],
  compile: () => ({
    create: (thread: ThreadContext) => new HttpInspector(thread.stats.block('http_inspector.', HTTP_INSPECTOR_STATS)),
  }),
}
