import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { RuntimeStatus } from '../admin/index.ts'
import { type RuntimeSnapshot, runtimeSnapshot, staticRuntimeLayers } from '../config/index.ts'

interface Layer {
  readonly name: string
  readonly isAdmin: boolean
  readonly values: Map<string, unknown>
}

/** The runtime's layers on main: the bootstrap's, and what the admin interface puts on top. */
export class Runtime {
  /** Swapped at every change. */
  snapshot: RuntimeSnapshot
  private readonly layers: Layer[]
  private readonly onChange: (layers: readonly object[]) => void

  constructor(bootstrap: BootstrapJson, onChange: (layers: readonly object[]) => void) {
    this.onChange = onChange
    const values = staticRuntimeLayers(bootstrap)
    const named = bootstrap.layeredRuntime?.layers ?? []
    const isStatic = named.filter(({ staticLayer }) => staticLayer !== undefined)
    this.layers = named.map(layer => ({
      name: layer.name ?? '',
      isAdmin: layer.adminLayer !== undefined,
      values: new Map(flatValues(layer.staticLayer === undefined ? {} : values[isStatic.indexOf(layer)]!, '')),
    }))
    // Without layered_runtime Envoy has an admin layer all the same.
    if (bootstrap.layeredRuntime === undefined) this.layers.push({ name: 'admin', isAdmin: true, values: new Map() })
    this.snapshot = runtimeSnapshot(this.values())
  }

  /** Values of each layer by dotted key, lowest layer first. */
  values(): readonly object[] {
    return this.layers.map(({ values }) => Object.fromEntries(values))
  }

  get keyCount(): number {
    return new Set(this.layers.flatMap(({ values }) => [...values.keys()])).size
  }

  status(): RuntimeStatus {
    const { layers } = this
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
    if (admin === undefined) return false
    for (const [key, value] of changes) {
      if (value === '') admin.values.delete(key)
      else admin.values.set(key, parsedValue(value))
    }
    const layersNow = this.values()
    this.snapshot = runtimeSnapshot(layersNow)
    this.onChange(layersNow)
    return true
  }
}

function valueText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** As Envoy reads an override: a number or a boolean where the text is one. */
function parsedValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  const number = Number(text)
  return text.trim() === '' || Number.isNaN(number) ? text : number
}

function* flatValues(fields: object, prefix: string): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(fields)) {
    const isPrefix = typeof value === 'object' && value !== null && !('numerator' in value)
    if (isPrefix) yield* flatValues(value, `${prefix}${name}.`)
    else yield [prefix + name, value]
  }
}
