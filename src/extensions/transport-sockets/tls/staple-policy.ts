import type { DownstreamTlsContext_OcspStaplePolicyJson } from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import type { KeyPair } from './key-pair.ts'
import { readOcspResponse } from './ocsp-response.ts'

export type StaplePolicy = DownstreamTlsContext_OcspStaplePolicyJson

/** What to do for a client that asks for an OCSP response. */
export type StapleAction = 'staple' | 'omit' | 'fail'

/** The staple of one certificate. */
export class Staple {
  readonly response: Buffer | null
  private readonly validUntilMs: number
  private readonly policy: StaplePolicy

  constructor(pair: KeyPair, policy: StaplePolicy) {
    this.response = pair.ocspStaple
    this.validUntilMs = pair.ocspStaple === null ? 0 : (readOcspResponse(pair.ocspStaple)?.validUntilMs ?? 0)
    this.policy = pair.mustStaple ? 'MUST_STAPLE' : policy
  }

  action(nowMs: number): StapleAction {
    if (this.response !== null && nowMs < this.validUntilMs) return 'staple'
    if (this.policy === 'MUST_STAPLE') return 'fail'
    return this.policy === 'STRICT_STAPLING' && this.response !== null ? 'fail' : 'omit'
  }
}
