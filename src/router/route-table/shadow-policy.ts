// RouteAction.request_mirror_policies: clusters that get a copy of the request; their answers are thrown away.
import type { RouteAction_RequestMirrorPolicyJson as MirrorPolicyJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import { compileMutationList, type ShadowPolicyPlan } from '../../http/index.ts'
import { type ClusterCheck, clusterHeaderName } from './cluster-check.ts'
import { compileRuntimeFraction } from './runtime-fraction.ts'

declareSupport('envoy.config.route.v3.RouteAction.RequestMirrorPolicy', {
  supported: [
    'cluster',
    'cluster_header',
    'runtime_fraction',
    'disable_shadow_host_suffix_append',
    'request_headers_mutations',
    'host_rewrite_literal',
    'trace_sampled',
  ],
})

export function compileShadowPolicies(
  policies: readonly MirrorPolicyJson[] | undefined,
  clusters: ClusterCheck,
  context: CompileContext,
  path: ConfigPath,
): readonly ShadowPolicyPlan[] {
  return (policies ?? []).map((policy, i) => {
    const at = path.index(i)
    const named = policy.cluster !== undefined && policy.cluster !== ''
    if (named) clusters.check(policy.cluster ?? '', at.field('cluster'))
    else if (policy.clusterHeader === undefined || policy.clusterHeader === '') {
      context.diagnostics.error(at, 'a mirror policy needs a cluster', { expected: 'cluster or cluster_header' })
    }
    return {
      clusterName: policy.cluster ?? '',
      clusterHeader: named ? null : clusterHeaderName(policy.clusterHeader),
      sampled:
        policy.runtimeFraction === undefined ? () => true : compileRuntimeFraction(policy.runtimeFraction, context),
      appendHostSuffix: policy.disableShadowHostSuffixAppend !== true,
      hostRewrite: policy.hostRewriteLiteral ?? '',
      traceSampled: policy.traceSampled ?? null,
      mutations:
        policy.requestHeadersMutations === undefined
          ? null
          : compileMutationList(policy.requestHeadersMutations, context, at.field('request_headers_mutations')),
    }
  })
}
