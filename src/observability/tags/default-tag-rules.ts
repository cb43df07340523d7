import type { TagCut, TagRule } from './tag-rule.ts'

/** A tag by pattern: group 1 is what stands before the cut, group 2 the cut, group 3 the value. */
class PatternRule implements TagRule {
  readonly tag: string
  private readonly needle: string
  private readonly pattern: RegExp

  constructor(tag: string, needle: string, pattern: RegExp) {
    this.tag = tag
    this.needle = needle
    this.pattern = pattern
  }

  find(name: string): TagCut | null {
    // Names of thousands of clusters pass here: a substring search is cheaper than the expression.
    if (!name.includes(this.needle)) return null
    const match = this.pattern.exec(name)
    if (match === null) return null
    const [, before, cut, value] = match as unknown as [string, string, string, string]
    return { start: before.length, end: before.length + cut.length, value }
  }
}

/** `_rq_200` -> `_rq`, 200 */
const RESPONSE_CODE: TagRule = {
  tag: 'envoy.response_code',
  find(name) {
    const start = name.length - 4
    if (!name.startsWith('_rq_', start - 3) || !/\d{3}$/.test(name)) return null
    return { start, end: name.length, value: name.slice(start + 1) }
  },
}

/** `_rq_2xx` -> `_rq_xx`, 2 */
const RESPONSE_CODE_CLASS: TagRule = {
  tag: 'envoy.response_code_class',
  find(name) {
    const start = name.length - 3
    if (!name.endsWith('xx') || !name.startsWith('_rq_', start - 4) || !/\d/.test(name[start] as string)) return null
    return { start, end: start + 1, value: name[start] as string }
  },
}

/** The word after the first: `cluster.x.y` -> `cluster.y`, x */
class SecondWordRule implements TagRule {
  readonly tag: string
  private readonly firstWord: string
  private readonly start: number

  constructor(tag: string, firstWord: string) {
    this.tag = tag
    this.firstWord = `${firstWord}.`
    this.start = this.firstWord.length
  }

  find(name: string): TagCut | null {
    if (!name.startsWith(this.firstWord)) return null
    const dot = name.indexOf('.', this.start)
    return dot <= this.start ? null : { start: this.start, end: dot + 1, value: name.slice(this.start, dot) }
  }
}

const WORKER_ID = new PatternRule('envoy.worker_id', '.worker_', /^(.*?\.worker)(_(\d+))(?=\.)/)

/** By the first word of the name; where several tags stand in one name, the innermost comes first, as in Envoy. */
const RULES: Readonly<Record<string, readonly TagRule[]>> = {
  cluster: [
    new PatternRule('envoy.grpc_bridge_method', '.grpc.', /^(cluster\.[^.]+\.grpc\.[^.]+\.)(([^.]+)\.)/),
    new PatternRule(
      'envoy.health_check_name',
      '.health_check.name.',
      /^(cluster\.[^.]+\.health_check)(\.name\.([^.]+))\../,
    ),
    new PatternRule('cipher_suite', '.ssl.ciphers.', /^(cluster\.[^.]+\.ssl\.ciphers)(\.([\w.-]+))$/),
    new PatternRule('envoy.grpc_bridge_service', '.grpc.', /^(cluster\.[^.]+\.grpc\.)(([^.]+)\.)/),
    new SecondWordRule('envoy.cluster_name', 'cluster'),
  ],
  http: [
    new PatternRule('envoy.http_user_agent', '.user_agent.', /^(http\.[^.]+\.user_agent\.)(([^.]+)\.)/),
    new PatternRule('envoy.fault_downstream_cluster', '.fault.', /^(http\.[^.]+\.fault\.)(([^.]+)\.)/),
    new PatternRule('envoy.ext_authz_prefix', '.ext_authz.', /^(http\.[^.]+\.ext_authz\.)(([^.]+)\.)/),
    new PatternRule(
      'envoy.rbac_policy_name',
      '.policy.',
      /^(http\.[^.]+\.rbac\.(?:[^.]+\.)?policy\.)(([^.]+)\.)(?:shadow_)?(?:allowed|denied)$/,
    ),
    new PatternRule('envoy.rds_route_config', '.rds.', /^(http\.[^.]+\.rds\.)(([\w.-]+)\.)\w+$/),
    new PatternRule('envoy.scoped_rds_config', '.scoped_rds.', /^(http\.[^.]+\.scoped_rds\.)(([\w.-]+)\.)\w+$/),
    new SecondWordRule('envoy.http_conn_manager_prefix', 'http'),
  ],
  listener: [
    new PatternRule('envoy.ssl_cipher', '.ssl.ciphers.', /^(listener\..*?\.ssl\.ciphers)(\.([\w.-]+))$/),
    new PatternRule('envoy.http_conn_manager_prefix', '.http.', /^(listener\..*?\.http\.)(([^.]+)\.)/),
    WORKER_ID,
    // An address contains dots, a stat_prefix is one word; the admin listener has none.
    new PatternRule(
      'envoy.listener_address',
      'listener.',
      /^(listener\.)(((?:\d{1,3}\.){3}\d{1,3}_\d+|\[[\da-fA-F_:.]*\]_\d+|(?!admin\.)[^.]+)\.)/,
    ),
  ],
  vhost: [
    new PatternRule('envoy.virtual_cluster', '.vcluster.', /^(vhost\.[^.]+\..*?\bvcluster\.)(([^.]+)\.)/),
    new PatternRule('envoy.route', '.route.', /^(vhost\.[^.]+\..*?\broute\.)(([^.]+)\.)/),
    new SecondWordRule('envoy.virtual_host', 'vhost'),
  ],
  listener_manager: [WORKER_ID],
  thread_local_cluster_manager: [WORKER_ID],
  server: [WORKER_ID],
  tcp: [new SecondWordRule('envoy.tcp_prefix', 'tcp')],
  udp: [new SecondWordRule('envoy.udp_prefix', 'udp')],
  redis: [new SecondWordRule('envoy.redis_prefix', 'redis')],
  ratelimit: [new SecondWordRule('envoy.ratelimit_prefix', 'ratelimit')],
  connection_limit: [new SecondWordRule('envoy.connection_limit_prefix', 'connection_limit')],
  auth: [new PatternRule('envoy.clientssl_prefix', '.clientssl.', /^(auth\.clientssl\.)(([^.]+)\.)/)],
}

export const DEFAULT_TAG_RULES = {
  any: [RESPONSE_CODE, RESPONSE_CODE_CLASS] as readonly TagRule[],
  byFirstWord: new Map(Object.entries(RULES)),
}

const ALL = [...DEFAULT_TAG_RULES.any, ...Object.values(RULES).flat()]

export const defaultTagNames: readonly string[] = [...new Set(ALL.map(({ tag }) => tag))]

/** The rules of one default tag. */
export const defaultTagRules = (tag: string): readonly TagRule[] => ALL.filter(rule => rule.tag === tag)
