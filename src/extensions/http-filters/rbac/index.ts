import type { RBACJson, RBACPerRouteJson } from '#api/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { Rbac } from './rbac.ts'
import { RbacPlan } from './rbac-plan.ts'

const API = 'envoy.extensions.filters.http.rbac.v3'
const NAME = 'envoy.filters.http.rbac'

declareSupport(`${API}.RBAC`, {
  supported: [
    'rules',
    'matcher',
    'rules_stat_prefix',
    'shadow_rules',
    'shadow_matcher',
    'shadow_rules_stat_prefix',
    'track_per_rule_stats',
  ],
})
declareSupport(`${API}.RBACPerRoute`, { supported: ['rbac'] })

/** envoy.filters.http.rbac */
export const rbacFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.RBAC`],
  compile: (config, context, path) => {
    const plan = new RbacPlan(config as RBACJson, context, path)
    let roots = plan.statRoots('')
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => {
        roots = plan.statRoots(prefix)
        plan.stats(thread, roots)
      },
      create: () => new Rbac(plan, roots),
    }
  },
}

export const rbacPerRouteFactory: ExtensionFactory<RbacPlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.RBACPerRoute`],
  // Without `rbac` the route is free for all: a plan without rules.
  compile: (config, context, path) =>
    new RbacPlan((config as RBACPerRouteJson).rbac ?? {}, context, path.field('rbac')),
}
