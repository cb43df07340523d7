// The contract between those who need resources that come at run time and whoever brings them.
import type { ConfigSourceJson } from '#api/envoy/config/core/v3/config_source_pb.ts'
import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'

/** Where resources come from: envoy.config.core.v3.ConfigSource. */
export interface ConfigSourcePlan {
  readonly file: string
  /** Where a move may bring a new version besides the file's own folder; null: nowhere. */
  readonly watchedFolder: string | null
}

/** Null where `json` names no file. */
export function compileConfigSource(
  json: ConfigSourceJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): ConfigSourcePlan | null {
  const file = json?.pathConfigSource?.path ?? json?.path ?? ''
  if (file === '') {
    context.diagnostics.error(path, 'names no source', { expected: 'path_config_source: {path: <a file>}' })
    return null
  }
  return { file, watchedFolder: json?.pathConfigSource?.watchedDirectory?.path ?? null }
}

export interface DiscoveredResource {
  readonly name: string
  /** Checked, with defaults left out. */
  readonly resource: object
  /** Its own, where it has one; else that of the whole. */
  readonly version: string
}

export interface DiscoveredSet {
  readonly version: string
  readonly resources: readonly DiscoveredResource[]
}

/** Why a set, or a part of it, is not in force; null: it is. */
export type Refusal = string | null

/** Who needs resources. */
export interface SubscriptionOwner {
  /** Takes over what was discovered. A promise where that takes time: nothing else comes before it is settled. */
  onResources(set: DiscoveredSet): Refusal | Promise<Refusal>
  onAttempt(): void
  /** What came has been taken over. */
  onAccepted(version: string): void
  onRejected(): void
  /** There was nothing that could be read. */
  onFailure(): void
}

export interface SubscriptionRequest {
  readonly source: ConfigSourcePlan
  /** Full name of the message. */
  readonly typeName: string
  readonly owner: SubscriptionOwner
}

export interface Subscription {
  /** Settles once the first answer has been taken over or refused. Null: it is already. */
  start(): Promise<void> | null
  stop(): void
}

export interface Subscriptions {
  subscribe(request: SubscriptionRequest): Subscription
}
