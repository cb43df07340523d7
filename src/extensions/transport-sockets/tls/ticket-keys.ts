import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import type { SecretCheck } from '../../../config/index.ts'
import { inlineBytes } from './key-pair.ts'

/** BoringSSL's: 16 of name, 32 of HMAC, 32 of AES. */
const CONFIGURED_BYTES = 80

/** Whether a secret holds keys for session tickets. */
export const checkTicketKeys: SecretCheck = (secret, context, path) => {
  const keys = secret.sessionTicketKeys?.keys ?? []
  keys.forEach((key, i) => {
    const size = inlineBytes(key)?.length ?? 0
    if (size === CONFIGURED_BYTES) return
    context.diagnostics.error(path.field('keys').index(i), `a session ticket key has ${CONFIGURED_BYTES} bytes`, {
      found: `${size} bytes`,
    })
  })
  if (keys.length === 0) context.diagnostics.error(path.field('keys'), 'holds no key')
  return keys.length > 0 && !context.diagnostics.failed
}

/** The key of OpenSSL, which is of another size, out of the first of the configured ones. */
export function configuredTicketKey(secret: SecretJson): Buffer {
  const first = inlineBytes(secret.sessionTicketKeys?.keys?.[0]) ?? Buffer.alloc(0)
  return process.getBuiltinModule('node:crypto').createHash('sha384').update(first).digest()
}

/**
 * Makes tickets worthless: each handshake gets a key of its own, so none that was given out is ever known again. To tell
 * OpenSSL to send none makes it keep sessions instead, which costs 60 us more per handshake. (bench: tls-new)
 */
export class OneTimeTicketKeys {
  private readonly key = crypto.getRandomValues(Buffer.alloc(48))
  private count = 0

  /** `context`: the native one; before its handshake begins. */
  renew(context: unknown): void {
    this.count = (this.count + 1) >>> 0
    // The first 16 bytes are the key's name.
    this.key.writeUInt32LE(this.count, 0)
    ;(context as { setTicketKeys(key: Buffer): void }).setTicketKeys(this.key)
  }
}

/** A key that all workers of this process share, so that a client may come back to another of them. */
export function processTicketKey(seed: Uint8Array, sessionIdContext: string): Buffer {
  return process.getBuiltinModule('node:crypto').createHmac('sha384', seed).update(sessionIdContext).digest()
}
