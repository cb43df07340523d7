import { WatchedFiles } from '../base/index.ts'
import type { FileSourcePlan, Refusal, Subscription, SubscriptionRequest } from '../config/index.ts'
import { log } from '../observability/index.ts'
import { type DiscoveryFileOptions, readDiscoveryFile } from './discovery-file.ts'

const logger = log('config')

export interface FileSubscriptionsOptions extends DiscoveryFileOptions {
  /** A field that the API does not have; it is passed over. */
  onUnknownField(finding: string): void
}

/**
 * Resources from files. A file is read when its subscription starts and whenever it was replaced, of which moves are
 * noticed at once. What cannot be used is refused, and what was accepted before stays in force.
 */
export class FileSubscriptions {
  private readonly options: FileSubscriptionsOptions
  private readonly watched = new WatchedFiles()
  private readonly byFile = new Map<string, Set<FileSubscription>>()

  constructor(options: FileSubscriptionsOptions) {
    this.options = options
  }

  subscribe(request: SubscriptionRequest, source: FileSourcePlan): Subscription {
    const { file, watchedFolder } = source
    const subscription = new FileSubscription(request, file, this.options, () => this.leave(file, subscription))
    let others = this.byFile.get(file)
    if (others === undefined) this.byFile.set(file, (others = new Set()))
    others.add(subscription)
    this.watched.start(files => this.onChange(files))
    this.watched.add(file, watchedFolder)
    return subscription
  }

  private leave(file: string, subscription: FileSubscription): void {
    const others = this.byFile.get(file)
    if (others?.delete(subscription) !== true || others.size > 0) return
    this.byFile.delete(file)
    this.watched.remove(file)
  }

  private onChange(files: ReadonlySet<string>): void {
    for (const file of files) for (const subscription of this.byFile.get(file) ?? []) void subscription.refresh()
  }

  stop(): void {
    this.watched.stop()
  }
}

class FileSubscription implements Subscription {
  private readonly request: SubscriptionRequest
  private readonly file: string
  private readonly options: FileSubscriptionsOptions
  private readonly leave: () => void
  private stopped = false
  private busy = false
  /** The file has changed while an earlier version of it was being taken over. */
  private stale = false

  constructor(request: SubscriptionRequest, file: string, options: FileSubscriptionsOptions, leave: () => void) {
    this.request = request
    this.file = file
    this.options = options
    this.leave = leave
  }

  start(): Promise<void> | null {
    return this.refresh()
  }

  stop(): void {
    this.stopped = true
    this.leave()
  }

  refresh(): Promise<void> | null {
    if (this.stopped) return null
    if (this.busy) {
      this.stale = true
      return null
    }
    const { owner, typeName } = this.request
    owner.onAttempt()
    const read = readDiscoveryFile(this.file, typeName, this.options)
    if (read.kind === 'unreadable') {
      logger.warn('a file of resources cannot be used', { problem: read.problem })
      owner.onFailure()
      return null
    }
    if (read.kind === 'invalid') {
      this.settle(read.problem, '')
      return null
    }
    for (const field of read.unknownFields) this.options.onUnknownField(field)
    const refusal = owner.onResources(read.set)
    if (refusal === null || typeof refusal === 'string') {
      this.settle(refusal, read.set.version)
      return null
    }
    this.busy = true
    return refusal.then(settled => this.settleLater(settled, read.set.version))
  }

  private settleLater(refusal: Refusal, version: string): Promise<void> | undefined {
    this.busy = false
    this.settle(refusal, version)
    if (!this.stale) return undefined
    this.stale = false
    return this.refresh() ?? undefined
  }

  private settle(refusal: Refusal, version: string): void {
    const { owner } = this.request
    if (refusal === null) {
      owner.onAccepted(version)
      logger.debug('a file of resources is in force', { file: this.file, version })
      return
    }
    logger.warn('a file of resources is refused', { file: this.file, problem: refusal })
    owner.onRejected()
  }
}
