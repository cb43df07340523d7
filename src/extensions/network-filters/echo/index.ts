import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { NetworkFilterPlan } from '../../../net/index.ts'
import { Echo } from './echo.ts'

declareSupport('envoy.extensions.filters.network.echo.v3.Echo', { supported: [] })

/** envoy.filters.network.echo */
export const echoFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.echo',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.echo.v3.Echo'],
  compile: () => ({ terminal: true, create: () => new Echo() }),
}
