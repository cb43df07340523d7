// validate_clusters: a route to a cluster nobody defines is found when the configuration is read.
import { type CompileContext, type ConfigPath, nearestName } from '../../config/index.ts'
import { HeaderName, HOST } from '../../http/index.ts'

/** Of cluster_header; null: unset. The authority is kept as the line `host`. */
export function clusterHeaderName(name: string | undefined): HeaderName | null {
  if (name === undefined || name === '') return null
  return name.toLowerCase() === ':authority' ? HOST : HeaderName.of(name)
}

/** How a route configuration treats names of clusters that do not exist. */
export class ClusterCheck {
  private readonly enabled: boolean
  private readonly context: CompileContext

  constructor(enabled: boolean, context: CompileContext) {
    this.enabled = enabled
    this.context = context
  }

  check(name: string, path: ConfigPath): void {
    const { context } = this
    if (!this.enabled || context.hasCluster(name)) return
    const suggestion = nearestName(name, context.clusterNames?.() ?? [])
    context.diagnostics.error(path, `unknown cluster ${name}`, {
      expected: 'the name of a cluster, or validate_clusters: false on the route configuration',
      found: name,
      code: 'unknown-cluster',
      ...(suggestion === undefined ? {} : { suggestion }),
    })
  }
}
