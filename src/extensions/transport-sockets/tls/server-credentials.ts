import type { SecureContextOptions } from 'node:tls'
import { type ClientHello, nativeContext, OwnCertificate } from '../../../net/index.ts'
import { makeSecureContext, type TlsMaterial } from './common-context.ts'
import { Staple, type StaplePolicy } from './staple-policy.ts'
import type { NativeContext, TicketKeys } from './ticket-keys.ts'
import type { TlsParams } from './tls-params.ts'

/** One certificate of a server, ready for handshakes. */
export interface ServerCredential {
  readonly isEcdsa: boolean
  readonly staple: Staple
  readonly own: OwnCertificate
  readonly context: NativeContext
}

export interface CredentialOptions {
  readonly context: SecureContextOptions
  readonly tickets: TicketKeys
  readonly fullScan: boolean
  readonly staplePolicy: StaplePolicy
}

/** Chooses a certificate by the name a client asks for and the keys it can take (Envoy: DefaultTlsCertificateSelector). */
export class ServerCredentials {
  private readonly all: readonly ServerCredential[]
  private readonly byName = new Map<string, ServerCredential[]>()
  private readonly fullScan: boolean
  private readonly speaks13: boolean

  constructor(params: TlsParams, { keyPairs, validation }: TlsMaterial, options: CredentialOptions) {
    this.fullScan = options.fullScan
    this.speaks13 = params.maxVersion === 'TLSv1.3'
    this.all = keyPairs.map(pair => {
      const context = nativeContext(makeSecureContext(params, pair, validation, options.context)) as NativeContext
      options.tickets.install(context)
      return {
        isEcdsa: pair.isEcdsa,
        own: new OwnCertificate(),
        staple: new Staple(pair, options.staplePolicy),
        context,
      }
    })
    keyPairs.forEach(({ serverNames }, i) => {
      for (const name of serverNames) {
        const list = this.byName.get(name)
        if (list === undefined) this.byName.set(name, [this.all[i]!])
        else list.push(this.all[i]!)
      }
    })
  }

  choose(hello: ClientHello | null): ServerCredential {
    const { all } = this
    if (hello === null || all.length === 1) return all[0]!
    const acceptsEcdsa = this.speaks13 ? hello.acceptsEcdsa : hello.acceptsEcdsaBefore13
    const name = hello.serverName
    if (name !== null) {
      const dot = name.indexOf('.')
      const matching = this.byName.get(name) ?? (dot > 0 ? this.byName.get(`*${name.slice(dot)}`) : undefined)
      if (matching !== undefined) return pick(matching, acceptsEcdsa)
      if (!this.fullScan) return all[0]!
    }
    return pick(all, acceptsEcdsa)
  }
}

/** A client that can take elliptic-curve keys gets one where there is one. */
function pick(list: readonly ServerCredential[], acceptsEcdsa: boolean): ServerCredential {
  for (const credential of list) if (credential.isEcdsa === acceptsEcdsa) return credential
  return list[0]!
}
