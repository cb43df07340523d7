import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { RuntimeStatus } from '../admin/index.ts'
import { type RuntimeSnapshot, runtimeSnapshot } from '../config/index.ts'
import { parsedValue, readRuntimeFiles, runtimeFolder } from './runtime-files.ts'

type Values = ReadonlyMap<string, unknown>

interface Layer {
  readonly name: string
  readonly isAdmin: boolean
  /** Null: there is no such layer now. */
  values: Map<string, unknown> | null
  /** Looks the values up again; null: they stay. */
  readonly reread: (() => Values | null) | null
}

function layersOf({ layeredRuntime }: BootstrapJson, serviceCluster: string): Layer[] {
  // Without layered_runtime Envoy has an admin layer all the same.
  if (layeredRuntime === undefined) return [{ name: 'admin', isAdmin: true, values: new Map(), reread: null }]
  return (layeredRuntime.layers ?? []).map(({ name = '', staticLayer, adminLayer, diskLayer }) => {
    const values = new Map(flatValues((staticLayer ?? {}) as object, ''))
    if (diskLayer === undefined) return { name, isAdmin: adminLayer !== undefined, values, reread: null }
    const reread = (): Values | null => readRuntimeFiles(runtimeFolder(diskLayer, serviceCluster))
    return { name, isAdmin: false, values: null, reread }
  })
}

/** Values of each layer by dotted key, lowest layer first, as they are now. */
export function runtimeLayers(bootstrap: BootstrapJson, serviceCluster: string): readonly object[] {
  return new Runtime(bootstrap, serviceCluster, () => {}).values()
}

/** The runtime's layers on main: the bootstrap's, and what the admin interface puts on top. */
export class Runtime {
  /** Swapped at every change. */
  snapshot: RuntimeSnapshot
  private readonly layers: Layer[]
  private readonly onChange: (layers: readonly object[]) => void

  /** `serviceCluster` may be part of the path of runtime files. */
  constructor(bootstrap: BootstrapJson, serviceCluster: string, onChange: (layers: readonly object[]) => void) {
    this.onChange = onChange
    this.layers = layersOf(bootstrap, serviceCluster)
    this.readFiles()
    this.snapshot = runtimeSnapshot(this.values())
  }

  /** What keeps files from being read, as text; '' for nothing. A layer that cannot be read stays as it was. */
  problem = ''

  private readFiles(): void {
    this.problem = ''
    for (const layer of this.layers) {
      if (layer.reread === null) continue
      try {
        const values = layer.reread()
        layer.values = values === null ? null : new Map(values)
      } catch (error) {
        this.problem = `runtime layer ${layer.name}: ${(error as Error).message}`
      }
    }
  }

  /** Reads the files of disk layers anew. */
  refresh(): void {
    this.readFiles()
    this.changed()
  }

  private get present(): readonly (Layer & { readonly values: Values })[] {
    return this.layers.filter((layer): layer is Layer & { values: Map<string, unknown> } => layer.values !== null)
  }

  /** Values of each layer by dotted key, lowest layer first. */
  values(): readonly object[] {
    return this.present.map(({ values }) => Object.fromEntries(values))
  }

  get keyCount(): number {
    return new Set(this.present.flatMap(({ values }) => [...values.keys()])).size
  }

  /** How many layers come from folders that are there. */
  get folderCount(): number {
    return this.present.filter(({ reread }) => reread !== null).length
  }

  status(): RuntimeStatus {
    const layers = this.present
    const keys = [...new Set(layers.flatMap(({ values }) => [...values.keys()]))].sort()
    return {
      layers: layers.map(({ name }) => name),
      entries: keys.map(key => {
        const layerValues = layers.map(({ values }) => (values.has(key) ? valueText(values.get(key)) : ''))
        return { key, layerValues, finalValue: layerValues.findLast(value => value !== '') ?? '' }
      }),
    }
  }

  /** Overrides values in the admin layer, '' removes one; false when there is no such layer. */
  modify(changes: ReadonlyMap<string, string>): boolean {
    const admin = this.layers.find(({ isAdmin }) => isAdmin)
    if (admin === undefined || admin.values === null) return false
    for (const [key, value] of changes) {
      if (value === '') admin.values.delete(key)
      else admin.values.set(key, parsedValue(value))
    }
    this.changed()
    return true
  }

  /** A layer that a server brings has come. */
  setLayer(name: string, fields: object): void {
    const layer = this.layers.find(one => one.name === name)
    if (layer === undefined) return
    layer.values = new Map(flatValues(fields, ''))
    this.changed()
  }

  private changed(): void {
    const layersNow = this.values()
    this.snapshot = runtimeSnapshot(layersNow)
    this.onChange(layersNow)
  }
}

function valueText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function* flatValues(fields: object, prefix: string): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(fields)) {
    const isPrefix = typeof value === 'object' && value !== null && !('numerator' in value)
    if (isPrefix) yield* flatValues(value, `${prefix}${name}.`)
    else yield [prefix + name, value]
  }
}
