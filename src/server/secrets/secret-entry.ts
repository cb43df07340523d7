import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { SecretRef, SecretUser } from '../../config/index.ts'

/** One secret of one thread, with those who use it. */
export class SecretEntry implements SecretRef {
  readonly name: string
  readonly fromFile: boolean
  current: SecretJson
  private users: WeakRef<SecretUser>[] = []

  constructor(name: string, fromFile: boolean, current: SecretJson) {
    this.fromFile = fromFile
    this.name = name
    this.current = current
  }

  addUser(user: SecretUser): void {
    this.users.push(new WeakRef(user))
  }

  replace(secret: SecretJson): void {
    this.current = secret
    const alive = this.users.filter(user => user.deref() !== undefined)
    this.users = alive
    for (const user of alive) user.deref()?.onSecretChange()
  }
}
