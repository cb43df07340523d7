// HOT FILE (docs/hot-path.md): `route` is called once per request.
import type { CompileContext, ConfigPath } from '../config/index.ts'
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

/** The route tables that the listeners of one worker use, by name. */
export class RouteTables {
  private readonly compileTable: CompileRoutes
  /** Weak, since a table lives as long as a listener or a connection uses it. */
  private readonly inUse = new Map<string, WeakRef<CurrentRouteTable>[]>()

  constructor(compileTable: CompileRoutes) {
    this.compileTable = compileTable
  }

  /** Compiles a table that later updates of its name reach. */
  compile(config: object, context: CompileContext, path: ConfigPath): RouteTable {
    const table = new CurrentRouteTable(this.compileTable(config, context, path))
    const others = this.inUse.get(table.name) ?? []
    this.inUse.set(table.name, [...others.filter(ref => ref.deref() !== undefined), new WeakRef(table)])
    return table
  }

  /** Swaps in `table` wherever a table of that name is in use. */
  replace(name: string, table: RouteTable): void {
    for (const ref of this.inUse.get(name) ?? []) {
      const inUse = ref.deref()
      if (inUse !== undefined) inUse.current = table
    }
  }
}
