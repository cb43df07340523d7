// HOT FILE (docs/hot-path.md): the address travels in a header of its own.
import type { HeaderBasedSessionStateJson } from '#api/envoy/extensions/http/stateful_session/header/v3/header_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type HeaderMap, HeaderName } from '../../../http/index.ts'
import { fromBase64, type SessionState } from './session-state.ts'

const TYPE = 'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState'

declareSupport(TYPE, { supported: ['name'] })

class HeaderState implements SessionState {
  private readonly name: HeaderName

  constructor(name: string) {
    this.name = HeaderName.of(name)
  }

  read(headers: HeaderMap): string | null {
    const text = headers.get(this.name)
    const address = text === undefined ? null : fromBase64(text)
    return address === null || address.length === 0 ? null : address.toString('latin1')
  }

  write(response: HeaderMap, _path: string, address: string, asked: string | null): void {
    if (address !== asked) response.set(this.name, Buffer.from(address, 'latin1').toString('base64'))
  }
}

export const headerSessionStateFactory: ExtensionFactory<SessionState> = {
  name: 'envoy.http.stateful_session.header',
  category: 'envoy.http.stateful_session',
  typeNames: [TYPE],
  compile: config => new HeaderState((config as HeaderBasedSessionStateJson).name ?? ''),
}
