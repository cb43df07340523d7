import type { ConfigJson } from '#api/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.ts'
import { wireStruct } from '../../../base/index.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { MetadataStruct, StatBlock } from '../../../observability/index.ts'
import { SET_METADATA_STATS, type SetMetadataEntry, SetMetadataFilter } from './set-metadata.ts'

const API = 'envoy.extensions.filters.http.set_metadata.v3'
const NAME = 'envoy.filters.http.set_metadata'

declareSupport(`${API}.Config`, { supported: ['metadata_namespace', 'value', 'metadata'] })
declareSupport(`${API}.Metadata`, {
  supported: ['metadata_namespace', 'allow_overwrite', 'value'],
  refused: { typed_value: 'nothing in this release reads typed metadata' },
})

class SetMetadataPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly entries: readonly SetMetadataEntry[]
  private stats!: StatBlock

  constructor({ metadataNamespace = '', value, metadata = [] }: ConfigJson) {
    const entry = (namespace: string, struct: object | undefined, mayOverwrite: boolean): SetMetadataEntry => ({
      namespace,
      struct: wireStruct(struct ?? {}) as MetadataStruct,
      mayOverwrite,
    })
    // The older fields stand for one entry that always merges.
    const first = metadataNamespace === '' ? [] : [entry(metadataNamespace, value, true)]
    const others = metadata.map(one => entry(one.metadataNamespace ?? '', one.value, one.allowOverwrite === true))
    this.entries = Object.freeze([...first, ...others])
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = thread.stats.block(`${statPrefix}set_metadata.`, SET_METADATA_STATS)
  }

  create(): SetMetadataFilter {
    return new SetMetadataFilter(this.entries, this.stats)
  }
}

/** envoy.filters.http.set_metadata */
export const setMetadataFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Config`],
  compile: config => new SetMetadataPlan(config as ConfigJson),
}
