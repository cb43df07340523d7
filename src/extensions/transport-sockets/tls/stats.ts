import type { SecretRef } from '../../../config/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, type StatCell, statTemplate } from '../../../observability/index.ts'

/** `listener.<address>.ssl.` and `cluster.<name>.ssl.` */
export const SSL_STATS = statTemplate({
  counters: [
    'connection_error',
    'fail_verify_cert_hash',
    'fail_verify_error',
    'fail_verify_no_cert',
    'fail_verify_san',
    'handshake',
    'no_certificate',
    'ocsp_staple_failed',
    'ocsp_staple_omitted',
    'ocsp_staple_requests',
    'ocsp_staple_responses',
    'session_reused',
    'was_key_usage_invalid',
  ],
})
const slot = (name: string): number => SSL_STATS.slot(name)
export const CONNECTION_ERROR = slot('connection_error')
export const FAIL_VERIFY_CERT_HASH = slot('fail_verify_cert_hash')
export const FAIL_VERIFY_ERROR = slot('fail_verify_error')
export const FAIL_VERIFY_NO_CERT = slot('fail_verify_no_cert')
export const FAIL_VERIFY_SAN = slot('fail_verify_san')
export const HANDSHAKE = slot('handshake')
export const NO_CERTIFICATE = slot('no_certificate')
export const OCSP_STAPLE_FAILED = slot('ocsp_staple_failed')
export const OCSP_STAPLE_OMITTED = slot('ocsp_staple_omitted')
export const OCSP_STAPLE_REQUESTS = slot('ocsp_staple_requests')
export const OCSP_STAPLE_RESPONSES = slot('ocsp_staple_responses')
export const SESSION_REUSED = slot('session_reused')

/** The stats of one TLS configuration on one thread. */
export class SslStats {
  readonly cells: Float64Array
  private readonly thread: ThreadContext
  private readonly block: StatBlock
  private readonly versions = new Map<string, StatCell>()
  private readonly ciphers = new Map<string, StatCell>()
  private readonly curves = new Map<string, StatCell>()

  /** `prefix`: 'listener.<address>.' or 'cluster.<name>.' */
  constructor(thread: ThreadContext, prefix: string) {
    this.thread = thread
    this.block = thread.stats.block(`${prefix}ssl.`, SSL_STATS)
    this.cells = this.block.cells
  }

  /** What was negotiated. */
  count(family: 'versions' | 'ciphers' | 'curves', value: string): void {
    const cell = this[family].get(value) ?? this.define(family, value)
    cell.cells[cell.slot]! += 1
  }

  private define(family: 'versions' | 'ciphers' | 'curves', value: string): StatCell {
    const cell = this.thread.stats.counter(`${this.block.prefix}${family}.${value}`)
    this[family].set(value, cell)
    return cell
  }
}

const FACTORY_STATS = statTemplate({
  counters: ['downstream_context_secrets_not_ready', 'ssl_context_update_by_sds', 'upstream_context_secrets_not_ready'],
})
const UPDATE_BY_SDS = FACTORY_STATS.slot('ssl_context_update_by_sds')

/** `<prefix>ssl_context_update_by_sds`: one worker counts for all, as it is one change. */
export function noteSecretUse(thread: ThreadContext, prefix: string, refs: readonly SecretRef[]): void {
  const { cells } = thread.stats.block(prefix, FACTORY_STATS)
  if (thread.workerIndex === 0 && refs.some(({ fromFile }) => fromFile)) cells[UPDATE_BY_SDS]! += 1
}

export function noteSecretUpdate(thread: ThreadContext, prefix: string): void {
  if (thread.workerIndex === 0) thread.stats.block(prefix, FACTORY_STATS).cells[UPDATE_BY_SDS]! += 1
}
