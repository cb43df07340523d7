import type { HttpConnectionManagerJson } from '#api/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { ExtensionFactory } from '../config/index.ts'
import type { NetworkFilter, NetworkFilterPlan, ThreadContext } from '../net/index.ts'
import { type CompileRoutes, compileHttpConnectionManager } from './compile.ts'
import { ConnectionManager } from './connection-manager.ts'
import { ManagerShared } from './manager-shared.ts'
import type { HttpConnectionManagerPlan } from './plan.ts'

export type { CompileRoutes } from './compile.ts'
export { ConnectionManager } from './connection-manager.ts'
export { type Admission, admitRequest, type EarlyAnswer, UPGRADE_REFUSED } from './explain-request.ts'
export type { HttpConnectionManagerPlan } from './plan.ts'
export { allowsUpgrade, isLeftOut } from './prepare-request.ts'

/** A compiled connection manager as a network filter: one ConnectionManager per connection. */
class HttpConnectionManagerFilterPlan implements NetworkFilterPlan {
  readonly terminal = true
  readonly manager: HttpConnectionManagerPlan
  private shared: ManagerShared | null = null

  constructor(manager: HttpConnectionManagerPlan) {
    this.manager = manager
  }

  prepare(thread: ThreadContext): void {
    this.shared ??= new ManagerShared(this.manager, thread)
  }

  create(thread: ThreadContext): NetworkFilter {
    this.shared ??= new ManagerShared(this.manager, thread)
    return new ConnectionManager(this.manager, this.shared)
  }
}

/** envoy.filters.network.http_connection_manager. */
export function httpConnectionManagerFactory(compileRoutes: CompileRoutes): ExtensionFactory<NetworkFilterPlan> {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    category: 'envoy.filters.network',
    typeNames: ['envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'],
    compile: (config, context, path) =>
      new HttpConnectionManagerFilterPlan(
        compileHttpConnectionManager(config as HttpConnectionManagerJson, context, path, compileRoutes),
      ),
  }
}

/** The plan of a network filter that is a connection manager; null: it is another one. */
export function connectionManagerPlan(filter: NetworkFilterPlan): HttpConnectionManagerPlan | null {
  return filter instanceof HttpConnectionManagerFilterPlan ? filter.manager : null
}
