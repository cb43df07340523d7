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

/** By what a server's tickets are sealed; sets it up on a native context. */
export interface TicketKeys {
  install(context: NativeContext): void
}

/** What Node.js offers below `tls.SecureContext`. */
export interface NativeContext {
  setTicketKeys(key: Buffer): void
  enableTicketKeyCallback(): void
  /** Asked for each ticket that is to be sealed or opened. */
  onticketkeycallback(name: Buffer, iv: Buffer, sealing: boolean): TicketKeyAnswer
}

/** 0: no key, so no ticket is sent or known; 1: this one; 2: this one, and the client should get a new ticket. */
type TicketKeyAnswer = readonly [how: 0 | 1 | 2, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer]

const PART = 16
const NOTHING = Buffer.alloc(PART)
const NO_KEY: TicketKeyAnswer = [0, NOTHING, NOTHING, NOTHING, NOTHING]

/**
 * Neither gives tickets nor takes them. To forbid them by OpenSSL's options makes it keep sessions instead, which costs
 * 60 us more per handshake; to make two and send them 80. (bench: tls-new)
 */
export const noTickets: TicketKeys = {
  install(context) {
    context.enableTicketKeyCallback()
    context.onticketkeycallback = () => NO_KEY
  },
}

/** The first of the configured keys seals, each of them opens. */
export function configuredTicketKeys(secret: SecretJson): TicketKeys {
  const keys = (secret.sessionTicketKeys?.keys ?? []).map(key => opensslKey(inlineBytes(key) ?? NOTHING))
  const [first = NOTHING, ...older] = keys
  if (older.length === 0) return singleKey(first)
  return {
    install(context) {
      context.enableTicketKeyCallback()
      context.onticketkeycallback = (name, _iv, sealing) => {
        const key = sealing ? first : keys.find(each => name.equals(each.subarray(0, PART)))
        return key === undefined ? NO_KEY : answer(key, key === first ? 1 : 2)
      }
    },
  }
}

function answer(key: Buffer, how: 1 | 2): TicketKeyAnswer {
  const iv = crypto.getRandomValues(Buffer.allocUnsafe(PART))
  return [how, key.subarray(PART, 2 * PART), key.subarray(2 * PART), key.subarray(0, PART), iv]
}

/** Name, HMAC and AES of 16 bytes each, out of a configured key, which is of another size. */
function opensslKey(configured: Buffer): Buffer {
  return process.getBuiltinModule('node:crypto').createHash('sha384').update(configured).digest()
}

/** A key that all workers of this process share, so that a client may come back to another of them. */
export function processTicketKey(seed: Uint8Array, sessionIdContext: string): TicketKeys {
  const { createHmac } = process.getBuiltinModule('node:crypto')
  return singleKey(createHmac('sha384', seed).update(sessionIdContext).digest())
}

/** Without a question per ticket. */
function singleKey(key: Buffer): TicketKeys {
  return { install: context => context.setTicketKeys(key) }
}
