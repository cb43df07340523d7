// DNS messages (RFC 1035): one question in, addresses out.

export const TYPE_A = 1
export const TYPE_AAAA = 28
export const TYPE_SRV = 33

export const NO_ERROR = 0
export const FORMAT_ERROR = 1
export const NAME_ERROR = 3
export const NOT_IMPLEMENTED = 4

export const HEADER_BYTES = 12
const CLASS_IN = 1
const MAX_LABEL_BYTES = 63
const MAX_NAME_BYTES = 255
const QUERY_OR_RESPONSE = 0x8000
/** OPCODE and RD: what a response repeats. */
const REPEATED_FLAGS = 0x7900
/** That of the question, behind the header. */
const NAME_POINTER = 0xc000 | HEADER_BYTES

export interface Question {
  /** Labels with dots between, latin1. */
  readonly name: string
  readonly type: number
  /** Where it ends in the message. */
  readonly end: number
}

export interface DnsHeader {
  readonly isResponse: boolean
  readonly questions: number
  readonly answersAndAuthorities: number
  readonly additional: number
}

/** At least HEADER_BYTES are there. */
export function readHeader(message: Buffer): DnsHeader {
  return {
    isResponse: (message.readUInt16BE(2) & QUERY_OR_RESPONSE) !== 0,
    questions: message.readUInt16BE(4),
    answersAndAuthorities: message.readUInt16BE(6) + message.readUInt16BE(8),
    additional: message.readUInt16BE(10),
  }
}

/** Null: it is none, or of another class. A question has nothing before it that its name could point to. */
export function readQuestion(message: Buffer): Question | null {
  let at = HEADER_BYTES
  let name = ''
  for (;;) {
    const length = message[at++]
    if (length === undefined || length > MAX_LABEL_BYTES) return null
    if (length === 0) break
    if (at + length >= message.length || at + length - HEADER_BYTES > MAX_NAME_BYTES) return null
    name += `${name === '' ? '' : '.'}${message.latin1Slice(at, at + length)}`
    at += length
  }
  if (name === '' || at + 4 > message.length || message.readUInt16BE(at + 2) !== CLASS_IN) return null
  return { name, type: message.readUInt16BE(at), end: at + 4 }
}

/** `question`: null where it is not repeated. Addresses are of the question's type: 4 or 16 bytes each. */
export function encodeResponse(
  query: Buffer,
  question: Question | null,
  code: number,
  addresses: readonly Buffer[],
  ttlS: number,
): Buffer {
  const head = question === null ? HEADER_BYTES : question.end
  const bytes = addresses.reduce((sum, { length }) => sum + HEADER_BYTES + length, head)
  const response = Buffer.alloc(bytes)
  query.copy(response, 0, 0, head)
  response.writeUInt16BE(QUERY_OR_RESPONSE | (query.readUInt16BE(2) & REPEATED_FLAGS) | code, 2)
  response.writeUInt16BE(question === null ? 0 : 1, 4)
  response.writeUInt16BE(addresses.length, 6)
  response.writeUInt32BE(0, 8)
  let at = head
  for (const address of addresses) {
    at = response.writeUInt16BE(NAME_POINTER, at)
    at = response.writeUInt16BE(question!.type, at)
    at = response.writeUInt16BE(CLASS_IN, at)
    at = response.writeUInt32BE(ttlS, at)
    at = response.writeUInt16BE(address.length, at)
    at += address.copy(response, at)
  }
  return response
}
