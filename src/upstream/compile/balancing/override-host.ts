import type { OverrideHost_OverrideHostSourceJson as SourceJson } from '#api/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import type { OverrideHostSource } from '../../balancer-plan.ts'

export function overrideHostSource(
  json: SourceJson,
  context: CompileContext,
  path: ConfigPath,
): readonly OverrideHostSource[] {
  const header = json.header ?? ''
  const { metadata } = json
  if ((header === '') === (metadata === undefined)) {
    context.diagnostics.error(path, 'a source is a header or a metadata key', {
      expected: 'either header or metadata',
    })
    return []
  }
  if (metadata === undefined) return [{ kind: 'header', name: header.toLowerCase() }]
  return [{ kind: 'metadata', namespace: metadata.key ?? '', path: (metadata.path ?? []).map(({ key }) => key ?? '') }]
}
