// HOT FILE (docs/hot-path.md): puts a credential of the proxy's own into each request.
import {
  FilterContinue,
  FilterStop,
  type HeaderMap,
  HttpFilter,
  type HttpFilterStatus,
  overwriteHeader,
} from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { Credential } from './credential.ts'

export const CREDENTIAL_INJECTOR_STATS = statTemplate({ counters: ['already_exists', 'failed', 'injected'] })
const ALREADY_EXISTS = CREDENTIAL_INJECTOR_STATS.slot('already_exists')
const FAILED = CREDENTIAL_INJECTOR_STATS.slot('failed')
const INJECTED = CREDENTIAL_INJECTOR_STATS.slot('injected')

export interface InjectorPlan {
  readonly credential: Credential
  readonly overwrite: boolean
  readonly allowWithout: boolean
}

export class CredentialInjector extends HttpFilter {
  private readonly plan: InjectorPlan
  private readonly stats: StatBlock

  constructor(plan: InjectorPlan, stats: StatBlock) {
    super()
    this.plan = plan
    this.stats = stats
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { credential, overwrite, allowWithout } = this.plan
    if (!overwrite && headers.has(credential.header)) {
      this.count(ALREADY_EXISTS)
      return FilterContinue
    }
    const value = credential.value(this.callbacks.thread)
    if (value !== null) {
      this.count(INJECTED)
      overwriteHeader(headers, credential.header, value)
      return FilterContinue
    }
    this.count(FAILED)
    if (allowWithout) return FilterContinue
    this.callbacks.sendLocalReply(401, 'Failed to inject credential.', 'failed_to_inject_credential')
    return FilterStop
  }

  private count(which: number): void {
    this.stats.cells[which]! += 1
  }
}
