import type { HeaderMap } from '../../../http/index.ts'

/** A head or trailers of the message that a script is about. */
export class HeaderLines {
  readonly map: HeaderMap
  iterating = false
  /** Names and values in turn, while a loop goes over them. */
  iterated: readonly string[] = []
  position = 0

  constructor(map: HeaderMap) {
    this.map = map
  }
}
