import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { SecretRef, SecretUser } from '../../config/index.ts'

const FIRST_CROWD = 16

/** One secret of one thread, with those who use it. */
export class SecretEntry implements SecretRef {
  readonly name: string
  readonly fromFile: boolean
  current: SecretJson
  private users: WeakRef<SecretUser>[] = []
  /** So many are looked through for those that are gone. */
  private crowd = FIRST_CROWD

  constructor(name: string, fromFile: boolean, current: SecretJson) {
    this.fromFile = fromFile
    this.name = name
    this.current = current
  }

  addUser(user: SecretUser): void {
    if (this.users.length >= this.crowd) {
      this.forgetGone()
      this.crowd = Math.max(FIRST_CROWD, 2 * this.users.length)
    }
    this.users.push(new WeakRef(user))
  }

  get userCount(): number {
    return this.users.length
  }

  private forgetGone(): void {
    this.users = this.users.filter(user => user.deref() !== undefined)
  }

  replace(secret: SecretJson): void {
    this.current = secret
    this.forgetGone()
    for (const user of this.users) user.deref()?.onSecretChange()
  }
}
