// HOT FILE (docs/hot-path.md): `route` is called once per request.
import type { CompileContext, ConfigPath, ConfigSourcePlan } from '../config/index.ts'
import type { HeaderMap, HeaderName, Route, RouteTable } from '../http/index.ts'
import type { CompileRoutes } from '../http-connection-manager/index.ts'
import type { StreamInfo } from '../observability/index.ts'

/** A route table whose contents are swapped as a whole, so that open connections follow an update. */
class CurrentRouteTable implements RouteTable {
  current: RouteTable

  constructor(table: RouteTable) {
    this.current = table
  }

  get name(): string {
    return this.current.name
  }

  get internalOnlyHeaders(): readonly HeaderName[] {
    return this.current.internalOnlyHeaders
  }

  route(headers: HeaderMap, info: StreamInfo, random: number): Route | null {
    return this.current.route(headers, info, random)
  }
}

/** `source`: the key of where it comes from; null: it stands in a listener. */
export function routeTableKey(name: string, source: string | null): string {
  return source === null ? name : `${name}\n${source}`
}

/** The route tables that the listeners of one worker use, by name. */
export class RouteTables {
  private readonly compileTable: CompileRoutes
  /** The last of each that came from a source. */
  private readonly discovered = new Map<string, RouteTable>()
  /** Weak, since a table lives as long as a listener or a connection uses it. */
  private readonly inUse = new Map<string, WeakRef<CurrentRouteTable>[]>()

  constructor(compileTable: CompileRoutes) {
    this.compileTable = compileTable
  }

  /** Compiles a table that later updates reach. With a source, the table that it has brought, empty before it has. */
  compile(config: object, context: CompileContext, path: ConfigPath, source?: ConfigSourcePlan): RouteTable {
    const { name = '' } = config as { readonly name?: string }
    const key = routeTableKey(name, source?.key ?? null)
    const table = new CurrentRouteTable(this.discovered.get(key) ?? this.compileTable(config, context, path))
    const others = this.inUse.get(key) ?? []
    this.inUse.set(key, [...others.filter(ref => ref.deref() !== undefined), new WeakRef(table)])
    return table
  }

  /** Swaps in `table` wherever a table of that name and source is in use. */
  replace(name: string, source: string | null, table: RouteTable): void {
    const key = routeTableKey(name, source)
    if (source !== null) this.discovered.set(key, table)
    for (const ref of this.inUse.get(key) ?? []) {
      const inUse = ref.deref()
      if (inUse !== undefined) inUse.current = table
    }
  }

  /** No listener names it any more; connections that are open keep it. */
  forget(name: string, source: string): void {
    const key = routeTableKey(name, source)
    this.discovered.delete(key)
    this.inUse.delete(key)
  }
}
