import type { IPTaggingJson } from '#api/envoy/extensions/filters/http/ip_tagging/v3/ip_tagging_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { HeaderName, type HttpFilterPlan, X_ENVOY_IP_TAGS } from '../../../http/index.ts'
import { parseCidr, type ThreadContext } from '../../../net/index.ts'
import { statTemplate } from '../../../observability/index.ts'
import { IpTaggingFilter, type IpTaggingShared } from './ip-tagging.ts'
import { TagTrie } from './tag-trie.ts'

const API = 'envoy.extensions.filters.http.ip_tagging.v3.IPTagging'
const NAME = 'envoy.filters.http.ip_tagging'

declareSupport(API, {
  supported: ['request_type', 'ip_tags', 'ip_tag_header'],
  refused: { ip_tags_datasource: 'tags in files are not part of this release: list them in ip_tags' },
})
declareSupport(`${API}.IPTag`, { supported: ['ip_tag_name', 'ip_list'] })
declareSupport(`${API}.IpTagHeader`, { supported: ['header', 'action'] })

class IpTaggingPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly config: IPTaggingJson
  private readonly trie = new TagTrie()
  private readonly names: readonly string[]
  private shared!: IpTaggingShared

  constructor(config: IPTaggingJson, context: CompileContext, path: ConfigPath) {
    this.config = config
    const tags = config.ipTags ?? []
    this.names = tags.map(tag => tag.ipTagName ?? '')
    tags.forEach((tag, index) => {
      for (const [i, range] of (tag.ipList ?? []).entries()) {
        const cidr = parseCidr(range)
        if (cidr !== null) this.trie.add(cidr, index)
        else {
          const at = path.field('ip_tags').index(index).field('ip_list').index(i).field('address_prefix')
          context.diagnostics.error(at, `${range.addressPrefix} is no IP address`, { found: range.addressPrefix ?? '' })
        }
      }
    })
  }

  start(thread: ThreadContext, statPrefix: string): void {
    const { requestType = 'BOTH', ipTagHeader } = this.config
    const hits = [...new Set(this.names)].map(name => `${name}.hit`)
    const template = statTemplate({ counters: ['no_hit', 'total', ...hits] })
    this.shared = {
      trie: this.trie,
      names: this.names.map(toWireText),
      internal: requestType === 'BOTH' ? null : requestType === 'INTERNAL',
      header: ipTagHeader?.header === undefined ? X_ENVOY_IP_TAGS : HeaderName.of(ipTagHeader.header),
      sanitizes: ipTagHeader !== undefined && (ipTagHeader.action ?? 'SANITIZE') === 'SANITIZE',
      stats: thread.stats.block(`${statPrefix}ip_tagging.`, template),
      totalSlot: template.slot('total'),
      noHitSlot: template.slot('no_hit'),
      hitSlots: this.names.map(name => template.slot(`${name}.hit`)),
    }
  }

  create(): IpTaggingFilter {
    return new IpTaggingFilter(this.shared)
  }
}

/** envoy.filters.http.ip_tagging */
export const ipTaggingFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [API],
  compile: (config, context, path) => new IpTaggingPlan(config as IPTaggingJson, context, path),
}
