import type { AwsCredentials } from '../algorithms.ts'

export interface CredentialWaiter {
  onCredentials(): void
}

/** Where credentials come from. Undefined: they are being fetched; null: there are none. */
export interface CredentialSource {
  /** Once per thread, before the first `current`. */
  start(): void
  current(): AwsCredentials | null | undefined
  /** The waiter is told once, when `current` is undefined no more. */
  wait(waiter: CredentialWaiter): void
  forget(waiter: CredentialWaiter): void
}

/** Known at once, or not at all. */
export class ReadCredentials implements CredentialSource {
  private readonly read: () => AwsCredentials | null

  constructor(read: () => AwsCredentials | null) {
    this.read = read
  }

  start(): void {}

  current(): AwsCredentials | null {
    return this.read()
  }

  wait(waiter: CredentialWaiter): void {
    waiter.onCredentials()
  }

  forget(): void {}
}

/** The first source that has any, in order. */
export class CredentialChain implements CredentialSource {
  private readonly sources: readonly CredentialSource[]

  constructor(sources: readonly CredentialSource[]) {
    this.sources = sources
  }

  start(): void {
    for (const source of this.sources) source.start()
  }

  current(): AwsCredentials | null | undefined {
    for (const source of this.sources) {
      const found = source.current()
      if (found !== null) return found
    }
    return null
  }

  wait(waiter: CredentialWaiter): void {
    this.pending()?.wait(waiter)
  }

  forget(waiter: CredentialWaiter): void {
    for (const source of this.sources) source.forget(waiter)
  }

  private pending(): CredentialSource | undefined {
    return this.sources.find(source => source.current() !== null)
  }
}
