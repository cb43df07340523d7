// What a session in OpenSSL's serialised form tells that Node does not:
// SEQUENCE { version, protocol, cipher, id OCTET STRING, ..., [19] group of the key exchange, ... }.

const ID = 3
const GROUP_TAG = 0xb3

/** As BoringSSL writes them; keys are OpenSSL's names in lower case, of resumed sessions another spelling. */
const NAMES: Readonly<Record<string, string>> = {
  x25519: 'X25519',
  prime256v1: 'P-256',
  secp256r1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
  x448: 'X448',
  x25519mlkem768: 'X25519MLKEM768',
}

/** By their numbers in TLS. */
const NAMES_BY_ID: Readonly<Record<number, string>> = {
  23: 'P-256',
  24: 'P-384',
  25: 'P-521',
  29: 'X25519',
  30: 'X448',
  4587: 'SecP256r1MLKEM768',
  4588: 'X25519MLKEM768',
  4589: 'SecP384r1MLKEM1024',
}

/** The group of a key share that OpenSSL names so. */
export function groupOfShare(name = ''): string {
  return NAMES[name.toLowerCase()] ?? name
}

/** The group of a session; empty: it has none, as keys were exchanged otherwise. */
export function groupOfSession(session: Buffer | undefined): string {
  if (session === undefined) return ''
  const field = findField(session, tag => tag === GROUP_TAG)
  // Within the tag: an INTEGER, two bytes of which are its own head.
  if (field === undefined || field.length < 3) return ''
  const id = field.readUIntBE(2, field.length - 2)
  return NAMES_BY_ID[id] ?? `0x${id.toString(16)}`
}

/** The id of a session, in hexadecimal. */
export function idOfSession(session: Buffer): string {
  return findField(session, (_, index) => index === ID)?.toString('hex') ?? ''
}

/** The content of the first field of the session's sequence that `isWanted`. */
function findField(session: Buffer, isWanted: (tag: number, index: number) => boolean): Buffer | undefined {
  let at = headEnd(session, 0)
  for (let index = 0; at < session.length; index++) {
    const start = headEnd(session, at)
    const end = start + contentBytes(session, at)
    if (isWanted(session[at]!, index)) return session.subarray(start, end)
    at = end
  }
  return undefined
}

/** How many bytes the length of the element at `at` takes beyond its first. */
const lengthBytes = (der: Buffer, at: number): number => (der[at + 1]! < 0x80 ? 0 : der[at + 1]! & 0x7f)

const headEnd = (der: Buffer, at: number): number => at + 2 + lengthBytes(der, at)

function contentBytes(der: Buffer, at: number): number {
  const more = lengthBytes(der, at)
  return more === 0 ? der[at + 1]! : der.readUIntBE(at + 2, more)
}
