import type { SecureContextOptions } from 'node:tls'
import { type ClientHello, nativeContext } from '../../../net/index.ts'
import { type CommonTls, makeSecureContext } from './common-context.ts'
import type { KeyPair } from './key-pair.ts'

/** One certificate of a server, ready for handshakes. */
export interface ServerCredential {
  readonly pair: KeyPair
  /** The native context. */
  readonly context: unknown
}

/** Chooses a certificate by the name a client asks for and the keys it can take (Envoy: DefaultTlsCertificateSelector). */
export class ServerCredentials {
  private readonly all: readonly ServerCredential[]
  private readonly byName = new Map<string, ServerCredential[]>()
  private readonly fullScan: boolean

  constructor(common: CommonTls, options: SecureContextOptions, fullScan: boolean) {
    this.fullScan = fullScan
    this.all = common.keyPairs.map(pair => ({ pair, context: nativeContext(makeSecureContext(common, pair, options)) }))
    for (const credential of this.all) {
      for (const name of credential.pair.serverNames) {
        const list = this.byName.get(name)
        if (list === undefined) this.byName.set(name, [credential])
        else list.push(credential)
      }
    }
  }

  choose(hello: ClientHello | null): ServerCredential {
    const { all } = this
    if (hello === null || all.length === 1) return all[0]!
    const name = hello.serverName
    if (name !== null) {
      const matching = this.byName.get(name) ?? this.byName.get(`*${name.slice(name.indexOf('.') >>> 0)}`)
      if (matching !== undefined) return pick(matching, hello.acceptsEcdsa)
      if (!this.fullScan) return all[0]!
    }
    return pick(all, hello.acceptsEcdsa)
  }
}

/** A client that can take elliptic-curve keys gets one where there is one. */
function pick(list: readonly ServerCredential[], acceptsEcdsa: boolean): ServerCredential {
  for (const credential of list) if (credential.pair.isEcdsa === acceptsEcdsa) return credential
  return list[0]!
}
