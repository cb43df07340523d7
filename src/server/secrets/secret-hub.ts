import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import { WatchedFiles } from '../../base/index.ts'
import {
  type CompileContext,
  ConfigPath,
  Diagnostics,
  type DiscoveredSecretOrigin,
  inlineSecret,
  type Refusal,
  type SecretCheck,
  type SecretGroup,
  type SecretKind,
  type SecretOrigin,
  type SecretRef,
  type Secrets,
  type Subscriptions,
} from '../../config/index.ts'
import { log, type StatStore } from '../../observability/index.ts'
import { namedSecrets } from './awaited-secrets.ts'
import { DiscoveredSecret } from './discovered-secret.ts'
import { secretInFile } from './read-secret.ts'
import { SecretEntry } from './secret-entry.ts'
import { SecretStats, secretStatPrefix } from './secret-stats.ts'
import { ResourceSecrets, SecretUses } from './secret-uses.ts'
import { type SecretUpdate, secretKey } from './worker-secrets.ts'

const logger = log('secret')

interface HubEntry {
  readonly ref: SecretEntry
  readonly origin: SecretOrigin
  readonly check: SecretCheck
  readonly context: CompileContext
  source: SecretJson
  files: ReadonlySet<string>
  stats: SecretStats | null
  /** Why the newest version is not in force; null: it is. */
  problem: string | null
  /** Null: it comes from no server. */
  readonly discovered: DiscoveredSecret | null
}

interface Resolved {
  /** As written. */
  readonly source: SecretJson
  /** Every data source inline. */
  readonly secret: SecretJson
}

interface Read extends Resolved {
  readonly files: ReadonlySet<string>
}

/** What is wrong, and whether the files were at least readable. */
interface Unread {
  readonly problem: string
  readonly readable: boolean
}

export interface SecretListeners {
  /** Newer versions, for all workers. */
  onChanged(updates: readonly SecretUpdate[]): void
  /** Nobody uses these any more. */
  onForgotten(keys: readonly string[]): void
  /** Nothing counts below this prefix any more, but perhaps another secret of the same name. */
  onStatsLeft(prefix: string): void
}

const NOBODY: SecretListeners = { onChanged: () => {}, onForgotten: () => {}, onStatsLeft: () => {} }

/** Main's secrets: reads and checks them, watches their files and tells workers of newer ones. The last good one stands. */
export class SecretHub implements Secrets {
  readonly seed = crypto.getRandomValues(new Uint8Array(32))
  /** By name: static_resources.secrets. */
  private readonly statics: ReadonlyMap<string, SecretJson>
  private readonly entries = new Map<string, HubEntry>()
  private readonly watched = new WatchedFiles()
  private fresh: SecretUpdate[] = []
  private stats: StatStore | null = null
  private subscriptions: Subscriptions | null = null
  private listeners = NOBODY
  /** Secrets that the bootstrap uses: they stay. */
  private readonly pinned = new Set<string>()
  private readonly staticGroups: SecretGroup[] = []
  private readonly uses = new SecretUses(keys => this.forget(keys))
  /** For whoever compiles once more what is in force: it keeps nothing alive. */
  readonly borrowed: Secrets = {
    find: (origin, check, context, path) => this.look(origin, check, context, path),
    noteGroup: () => {},
    seed: this.seed,
  }

  constructor(statics: readonly SecretJson[]) {
    this.statics = new Map(statics.map(secret => [secret.name ?? '', secret]))
  }

  /** For a resource that may change or go: what it asks for through these lives as long as it does. */
  forResource(resource: string): ResourceSecrets {
    return new ResourceSecrets(resource, this.borrowed, this.uses)
  }

  /** A resource has gone. */
  release(resource: string): void {
    this.uses.forget(resource)
  }

  find(origin: SecretOrigin, check: SecretCheck, context: CompileContext, path: ConfigPath): SecretRef | undefined {
    this.pinned.add(secretKey(origin))
    return this.look(origin, check, context, path)
  }

  private look(
    origin: SecretOrigin,
    check: SecretCheck,
    context: CompileContext,
    path: ConfigPath,
  ): SecretRef | undefined {
    const key = secretKey(origin)
    const known = this.entries.get(key)
    if (known !== undefined) return known.ref
    if ('source' in origin) return this.awaitSecret(key, origin, check, context)
    const files = new Set<string>()
    const found = this.resolve(origin, context, path, files)
    if (found === undefined || !check(found.secret, context, path)) return undefined
    const { secret, source } = found
    const name = 'name' in origin ? origin.name : ''
    const fromFile = 'file' in origin && origin.file !== null
    const entry: HubEntry = {
      ref: new SecretEntry(name, fromFile, secret),
      origin,
      check,
      context,
      source,
      files,
      stats: this.statsOf(origin),
      problem: null,
      discovered: null,
    }
    entry.stats?.accepted(Date.now())
    for (const file of files) this.watched.add(file)
    this.entries.set(key, entry)
    this.fresh.push({ key, name, fromFile, secret })
    return entry.ref
  }

  /** A secret that is empty until its server has sent it: nothing may be in use before that. */
  private awaitSecret(
    key: string,
    origin: DiscoveredSecretOrigin,
    check: SecretCheck,
    context: CompileContext,
  ): SecretRef {
    const discovered = new DiscoveredSecret(origin, secret => this.takeDiscovered(key, secret))
    const entry: HubEntry = {
      ref: new SecretEntry(origin.name, true, {}),
      origin,
      check,
      context,
      source: {},
      files: new Set(),
      stats: null,
      problem: null,
      discovered,
    }
    this.entries.set(key, entry)
    if (this.stats !== null && this.subscriptions !== null) discovered.start(this.stats, this.subscriptions)
    return entry.ref
  }

  private takeDiscovered(key: string, source: SecretJson): Refusal {
    const entry = this.entries.get(key)
    if (entry === undefined) return null
    const before = entry.source
    entry.source = source
    const read = this.readAgain(entry)
    if ('problem' in read) {
      // The files of the last good one are still watched.
      entry.source = before
      entry.problem = read.problem
      return read.problem
    }
    this.takeOver(entry, read)
    const { ref } = entry
    if (JSON.stringify(read.secret) === JSON.stringify(ref.current)) return null
    ref.replace(read.secret)
    this.listeners.onChanged([{ key, name: ref.name, fromFile: ref.fromFile, secret: read.secret }])
    return null
  }

  private takeOver(entry: HubEntry, { files, source }: Read): void {
    entry.problem = null
    entry.files = files
    entry.source = source
    for (const file of files) this.watched.add(file)
  }

  get awaitsAny(): boolean {
    for (const { discovered } of this.entries.values()) if (discovered?.arrived === false) return true
    return false
  }

  /** The secrets of servers that `resource` names and that have not come yet. */
  awaitedBy(resource: object): readonly DiscoveredSecret[] {
    const awaited = [...this.entries.values()].filter(({ discovered }) => discovered?.arrived === false)
    if (awaited.length === 0) return []
    const named = new Set(Array.from(namedSecrets(resource), ({ name }) => name ?? ''))
    return awaited.flatMap(({ ref, discovered }) => (named.has(ref.name) && discovered !== null ? discovered : []))
  }

  private resolve(
    origin: SecretOrigin,
    context: CompileContext,
    path: ConfigPath,
    files: Set<string>,
  ): Resolved | undefined {
    const onFile = (file: string): void => void files.add(file)
    if ('secret' in origin) return resolved(origin.kind, origin.secret, context, path, onFile)
    if ('source' in origin) {
      const received = this.entries.get(secretKey(origin))?.source ?? {}
      return this.ofKind(received, origin, context, path, onFile)
    }
    if (origin.file === null) {
      const secret = this.statics.get(origin.name)
      if (secret !== undefined) return this.ofKind(secret, origin, context, path, onFile)
      context.diagnostics.error(path, `no secret named '${origin.name}' stands in static_resources.secrets`)
      return undefined
    }
    files.add(origin.file)
    const found = secretInFile(origin.file, origin.name, context)
    if (typeof found !== 'string') return this.ofKind(found, origin, context, path, onFile)
    context.diagnostics.error(path, found)
    return undefined
  }

  private ofKind(
    source: SecretJson,
    { kind, name }: SecretOrigin & { readonly name: string },
    context: CompileContext,
    path: ConfigPath,
    onFile: (file: string) => void,
  ): Resolved | undefined {
    if (source[kind] !== undefined) return resolved(kind, source, context, path, onFile)
    context.diagnostics.error(path, `the secret '${name}' is of another kind`)
    return undefined
  }

  /** The file that a data source of a secret was read from; null: it stands in the configuration. */
  fileOf(ref: SecretRef, field: string): string | null {
    const written = this.entryOf(ref)?.source
    const source = (written?.tlsCertificate ?? written?.validationContext ?? {}) as Record<
      string,
      { filename?: string }
    >
    return source[field]?.filename ?? null
  }

  /** Why the newest version of a secret is not in force; null: it is. */
  problemOf(ref: SecretRef): string | null {
    return this.entryOf(ref)?.problem ?? null
  }

  private entryOf(ref: SecretRef): HubEntry | undefined {
    for (const entry of this.entries.values()) if (entry.ref === ref) return entry
    return undefined
  }

  noteGroup(group: SecretGroup): void {
    this.staticGroups.push(group)
  }

  /** The secrets of each TLS configuration in force. */
  *groups(): Iterable<SecretGroup> {
    yield* this.staticGroups
    yield* this.uses.groups()
  }

  *statPrefixes(): Iterable<string> {
    for (const entry of this.entries.values()) if (hasStats(entry)) yield secretStatPrefix(entry.ref.name)
  }

  private forget(unused: readonly string[]): void {
    const gone = unused.filter(key => !this.pinned.has(key))
    const left = new Set<string>()
    for (const key of gone) {
      const entry = this.entries.get(key)
      this.entries.delete(key)
      if (entry === undefined) continue
      entry.discovered?.stop()
      for (const file of entry.files) left.add(file)
      if (hasStats(entry)) this.listeners.onStatsLeft(secretStatPrefix(entry.ref.name))
    }
    this.fresh = this.fresh.filter(({ key }) => this.entries.has(key))
    if (left.size > 0) {
      for (const { files } of this.entries.values()) for (const file of files) left.delete(file)
      for (const file of left) this.watched.remove(file)
    }
    if (gone.length > 0) this.listeners.onForgotten(gone)
  }

  // ---- towards workers

  /** All secrets as they stand: for workers that begin. */
  snapshot(): readonly SecretUpdate[] {
    this.fresh = []
    return [...this.entries].flatMap(([key, { ref, discovered }]) => {
      if (discovered?.arrived === false) return []
      return { key, name: ref.name, fromFile: ref.fromFile, secret: ref.current }
    })
  }

  /** Secrets that workers have not been told of. */
  takeFresh(): readonly SecretUpdate[] {
    const { fresh } = this
    this.fresh = []
    return fresh
  }

  /** Begins to watch files. */
  start(stats: StatStore, listeners: SecretListeners): void {
    this.stats = stats
    this.listeners = listeners
    for (const entry of this.entries.values()) {
      entry.stats ??= this.statsOf(entry.origin)
      entry.stats?.accepted(Date.now())
    }
    this.watched.start(files => {
      const updates = this.reload(files)
      if (updates.length > 0) listeners.onChanged(updates)
    })
  }

  /** Servers can be asked from now on. */
  discover(subscriptions: Subscriptions): void {
    this.subscriptions = subscriptions
    if (this.stats === null) return
    for (const { discovered } of this.entries.values()) discovered?.start(this.stats, subscriptions)
  }

  private statsOf(origin: SecretOrigin): SecretStats | null {
    if (this.stats === null || !('file' in origin) || origin.file === null) return null
    return new SecretStats(this.stats, origin.name)
  }

  stop(): void {
    this.watched.stop()
    for (const { discovered } of this.entries.values()) discovered?.stop()
  }

  private reload(changed: ReadonlySet<string>): readonly SecretUpdate[] {
    const updates: SecretUpdate[] = []
    for (const [key, entry] of this.entries) {
      if (![...entry.files].some(file => changed.has(file))) continue
      const read = this.readAgain(entry)
      if ('problem' in read) {
        entry.problem = read.problem
        entry.stats?.refused(read.readable)
        logger.warn('a changed secret is not used, the last good one stays', this.describe(entry))
        continue
      }
      this.takeOver(entry, read)
      if (JSON.stringify(read.secret) === JSON.stringify(entry.ref.current)) continue
      entry.stats?.accepted(Date.now())
      entry.ref.replace(read.secret)
      updates.push({ key, name: entry.ref.name, fromFile: entry.ref.fromFile, secret: read.secret })
      logger.info('a changed secret is in force', this.describe(entry))
    }
    return updates
  }

  private describe({ ref, files, problem }: HubEntry): Record<string, string> {
    return {
      ...(ref.name === '' ? {} : { name: ref.name }),
      files: [...files].join(', '),
      ...(problem === null ? {} : { problem }),
    }
  }

  private readAgain({ origin, check, context, files: before }: HubEntry): Read | Unread {
    const diagnostics = new Diagnostics()
    // What used to be there stays watched: a file of secrets that is broken now may name its files again later.
    const files = new Set<string>(before)
    const quiet = { ...context, diagnostics }
    const found = this.resolve(origin, quiet, ConfigPath.root, files)
    if (found !== undefined && check(found.secret, quiet, ConfigPath.root)) return { ...found, files }
    const problem = diagnostics.list
      .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
      .join('; ')
    return { problem, readable: found !== undefined }
  }
}

const hasStats = ({ discovered, stats }: HubEntry): boolean => discovered !== null || stats !== null

function resolved(
  kind: SecretKind,
  source: SecretJson,
  context: CompileContext,
  path: ConfigPath,
  onFile: (file: string) => void,
): Resolved | undefined {
  const secret = inlineSecret(kind, source, context, path, onFile)
  return secret === undefined ? undefined : { source, secret }
}
