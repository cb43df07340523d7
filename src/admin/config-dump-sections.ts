import type { SchemaJson } from './schema-json.ts'
import type { ConfigDumpSource, DumpedResource } from './sources.ts'

/** One message of a ConfigDump: singular fields are values, repeated ones are read an item at a time. */
export interface DumpSection {
  /** envoy.admin.v3 message name. */
  readonly typeName: string
  readonly values: Readonly<Record<string, unknown>>
  readonly lists: Readonly<Record<string, DumpList>>
}

export interface DumpList {
  /** Of the elements, for ?resource=. */
  readonly typeName: string
  readonly items: Iterable<Readonly<Record<string, unknown>>>
}

type Phase = DumpedResource['phase']
type NamePredicate = (name: string) => boolean

const ADMIN = 'envoy.admin.v3.'

function timestamp(unixMs: number): string {
  return new Date(unixMs).toISOString()
}

/** The resource's own name; load assignments call theirs cluster_name. */
function nameOf(resource: object): string {
  const { name, clusterName } = resource as { name?: string; clusterName?: string }
  return name ?? clusterName ?? ''
}

class SectionBuilder {
  private readonly toSnake: SchemaJson
  private readonly wanted: NamePredicate

  constructor(toSnake: SchemaJson, wanted: NamePredicate) {
    this.toSnake = toSnake
    this.wanted = wanted
  }

  bootstrap(source: ConfigDumpSource): DumpSection {
    const { resource, lastUpdatedMs } = source.bootstrap
    const bootstrap = this.toSnake.message(resource, 'envoy.config.bootstrap.v3.Bootstrap')
    const values = { bootstrap, last_updated: timestamp(lastUpdatedMs) }
    return { typeName: `${ADMIN}BootstrapConfigDump`, values, lists: {} }
  }

  clusters(source: ConfigDumpSource): DumpSection {
    const typeName = `${ADMIN}ClustersConfigDump`
    const list = (element: string, phase: Phase) => {
      return this.plainList(
        `${typeName}.${element}`,
        'cluster',
        'envoy.config.cluster.v3.Cluster',
        () => source.clusters(),
        phase,
      )
    }
    return {
      typeName,
      values: version(source.clustersVersion),
      lists: {
        static_clusters: list('StaticCluster', 'static'),
        dynamic_active_clusters: list('DynamicCluster', 'active'),
        dynamic_warming_clusters: list('DynamicCluster', 'warming'),
      },
    }
  }

  endpoints(source: ConfigDumpSource): DumpSection {
    const typeName = `${ADMIN}EndpointsConfigDump`
    const list = (element: string, phase: Phase) => {
      const resourceType = 'envoy.config.endpoint.v3.ClusterLoadAssignment'
      return this.plainList(`${typeName}.${element}`, 'endpoint_config', resourceType, () => source.endpoints(), phase)
    }
    return {
      typeName,
      values: {},
      lists: {
        static_endpoint_configs: list('StaticEndpointConfig', 'static'),
        dynamic_endpoint_configs: list('DynamicEndpointConfig', 'active'),
      },
    }
  }

  listeners(source: ConfigDumpSource): DumpSection {
    const typeName = `${ADMIN}ListenersConfigDump`
    const type = 'envoy.config.listener.v3.Listener'
    return {
      typeName,
      values: version(source.listenersVersion),
      lists: {
        static_listeners: this.plainList(
          `${typeName}.StaticListener`,
          'listener',
          type,
          () => source.listeners(),
          'static',
        ),
        dynamic_listeners: {
          typeName: `${typeName}.DynamicListener`,
          items: { [Symbol.iterator]: () => this.dynamicListeners(source) },
        },
      },
    }
  }

  routes(source: ConfigDumpSource): DumpSection {
    const typeName = `${ADMIN}RoutesConfigDump`
    const list = (element: string, phase: Phase) => {
      const resourceType = 'envoy.config.route.v3.RouteConfiguration'
      return this.plainList(`${typeName}.${element}`, 'route_config', resourceType, () => source.routes(), phase)
    }
    return {
      typeName,
      values: {},
      lists: {
        static_route_configs: list('StaticRouteConfig', 'static'),
        dynamic_route_configs: list('DynamicRouteConfig', 'active'),
      },
    }
  }

  empty(message: string): DumpSection {
    return { typeName: `${ADMIN}${message}`, values: {}, lists: {} }
  }

  private plainList(
    typeName: string,
    field: string,
    resourceType: string,
    read: () => Iterable<DumpedResource>,
    phase: Phase,
  ): DumpList {
    const element = (dumped: DumpedResource) => this.state(dumped, field, resourceType)
    const wanted = this.wanted
    return {
      typeName,
      items: {
        *[Symbol.iterator]() {
          for (const dumped of read())
            if (dumped.phase === phase && wanted(nameOf(dumped.resource))) yield element(dumped)
        },
      },
    }
  }

  private state(dumped: DumpedResource, field: string, resourceType: string): Record<string, unknown> {
    return {
      ...version(dumped.versionInfo ?? ''),
      [field]: this.toSnake.any(dumped.resource, resourceType),
      ...(field === 'endpoint_config' ? {} : { last_updated: timestamp(dumped.lastUpdatedMs) }),
    }
  }

  /** One entry per name; it may be active, warming and draining at once. */
  private *dynamicListeners(source: ConfigDumpSource): Generator<Record<string, unknown>> {
    const byName = new Map<string, Record<string, unknown>>()
    for (const dumped of source.listeners()) {
      const name = nameOf(dumped.resource)
      if (dumped.phase === 'static' || !this.wanted(name)) continue
      const entry = byName.get(name) ?? { name }
      entry[`${dumped.phase}_state`] = this.state(dumped, 'listener', 'envoy.config.listener.v3.Listener')
      byName.set(name, entry)
    }
    for (const [name, { resource, lastAttemptMs, details }] of source.listenerErrors()) {
      if (!this.wanted(name)) continue
      const entry = byName.get(name) ?? { name }
      entry['error_state'] = {
        failed_configuration: this.toSnake.any(resource, 'envoy.config.listener.v3.Listener'),
        last_update_attempt: timestamp(lastAttemptMs),
        details,
      }
      byName.set(name, entry)
    }
    yield* byName.values()
  }
}

function version(versionInfo: string): { version_info?: string } {
  return versionInfo === '' ? {} : { version_info: versionInfo }
}

/** All sections in Envoy's order. `wanted` chooses resources by name. */
export function dumpSections(
  source: ConfigDumpSource,
  toSnake: SchemaJson,
  wanted: NamePredicate,
  includeEds: boolean,
): readonly DumpSection[] {
  const builder = new SectionBuilder(toSnake, wanted)
  return [
    builder.bootstrap(source),
    builder.clusters(source),
    ...(includeEds ? [builder.endpoints(source)] : []),
    builder.listeners(source),
    builder.empty('ScopedRoutesConfigDump'),
    builder.routes(source),
    builder.empty('SecretsConfigDump'),
  ]
}
