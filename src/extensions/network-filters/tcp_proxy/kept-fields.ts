import type { HeaderMap } from '../../../http/index.ts'
import type { FilterStateObject, StreamInfo } from '../../../observability/index.ts'

export const HEADERS_KEY = 'envoy.tcp_proxy.propagate_response_headers'
export const TRAILERS_KEY = 'envoy.tcp_proxy.propagate_response_trailers'

interface Field {
  readonly key: string
  readonly value: string
}

/** What the other end of a tunnel answered, in the filter state of the connection: access logs print it. */
export class KeptFields implements FilterStateObject {
  private readonly headers: readonly Field[]

  private constructor(headers: readonly Field[]) {
    this.headers = headers
  }

  static keep(info: StreamInfo, key: string, map: HeaderMap): void {
    const fields: Field[] = map.status > 0 ? [{ key: ':status', value: String(map.status) }] : []
    map.forEach((key, value) => {
      fields.push({ key, value })
    })
    info.filterState ??= new Map()
    info.filterState.set(key, new KeptFields(fields))
  }

  toJSON(): object {
    return { headers: this.headers }
  }

  serializeAsString(): string {
    return JSON.stringify(this)
  }
}
