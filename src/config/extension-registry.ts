import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'
import { nearestName, typeName } from './names.ts'

/** One extension: what a typed_config of one of its types compiles to. */
export interface ExtensionFactory<Plan = unknown> {
  /** Envoy's name, for example 'envoy.filters.http.router'. */
  readonly name: string
  /** Message types of its config, without the type URL prefix. */
  readonly typeNames: readonly string[]
  /** Envoy's category, for example 'envoy.filters.http'. */
  readonly category: string
  compile(config: object, context: CompileContext, path: ConfigPath): Plan
}

/** The name and payload of any message that carries a typed_config. */
export interface TypedConfig {
  readonly name?: string
  readonly typedConfig?: { readonly '@type'?: string }
}

/** The extensions of one process, found by the type of their config as Envoy does. */
export class ExtensionRegistry {
  private readonly byType = new Map<string, ExtensionFactory>()
  private readonly all: ExtensionFactory[] = []

  register(factory: ExtensionFactory): void {
    for (const type of factory.typeNames) {
      const key = `${factory.category} ${type}`
      if (this.byType.has(key)) throw new Error(`two extensions of category ${factory.category} read ${type}`)
      this.byType.set(key, factory)
    }
    this.all.push(factory)
  }

  factories(category?: string): readonly ExtensionFactory[] {
    return category === undefined ? this.all : this.all.filter(factory => factory.category === category)
  }

  /**
   * The factory for a typed_config; `path` is that of the message that holds it. An unknown or missing type is an error
   * that lists the known ones of the category.
   */
  find(category: string, config: TypedConfig, context: CompileContext, path: ConfigPath): ExtensionFactory | undefined {
    const at = path.field('typed_config')
    if (config.typedConfig === undefined) {
      context.diagnostics.error(at, `${config.name ?? 'an extension'} needs a typed_config`, {
        expected: this.known(category),
        code: 'missing-typed-config',
      })
      return undefined
    }
    const type = typeName(config.typedConfig)
    const factory = this.byType.get(`${category} ${type}`)
    if (factory !== undefined) return factory
    const types = this.factories(category).flatMap(known => known.typeNames)
    const suggestion = nearestName(type, types)
    context.diagnostics.error(
      at,
      `no extension of category ${category} reads ${type === '' ? 'a config without @type' : type}`,
      {
        expected: this.known(category),
        found: type,
        ...(suggestion === undefined ? {} : { suggestion }),
        code: 'unknown-extension',
      },
    )
    return undefined
  }

  private known(category: string): string {
    const types = this.factories(category).flatMap(factory => factory.typeNames)
    return types.length === 0
      ? `nothing: this release has no extension of category ${category}`
      : `one of ${types.join(', ')}`
  }
}
