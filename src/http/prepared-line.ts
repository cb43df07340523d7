// HOT FILE (docs/hot-path.md): lines that the proxy adds, ready to be copied.
import type { HeaderName } from './header-name.ts'

let lastToken = 0

/** A token for a line, see HeaderMap.tokenAt; 0 once all are used up. */
export function nextToken(): number {
  return lastToken === 0x7fffffff ? 0 : ++lastToken
}

/** `name: value\r\n` as bytes, made when a plan or a connection begins. */
export class PreparedLine {
  readonly name: HeaderName
  readonly bytes: Buffer
  readonly view: DataView
  /** 0: the bytes change between uses. */
  readonly token: number

  /** `value` is latin1 without CR, LF or NUL. */
  constructor(name: HeaderName, value: string, changes = false) {
    this.name = name
    this.bytes = Buffer.from(`${name.text}: ${value}\r\n`, 'latin1')
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
    this.token = changes ? 0 : nextToken()
  }
}
