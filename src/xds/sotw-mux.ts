// State of the world: each response says all of a type, or all that has been asked for by name.
import type { DiscoveredResource, Refusal } from '../config/index.ts'
import { decodeSotwResponse, encodeSotwRequest, type SotwResponse } from './messages.ts'
import { type Answer, Mux, TypeState } from './mux.ts'
import type { DecodedResource } from './resource-decoder.ts'
import type { Watch } from './watch.ts'

class SotwState extends TypeState<SotwResponse> {
  /** Of the last response on this stream. */
  nonce = ''
  /** Why that one is refused, until it has been said. */
  problem: string | null = null
  /** Something is to be said even if the names are the same as last time. */
  force = true
  said: readonly string[] = []
  /** What a heartbeat may stand for: resources that were given for a time. */
  readonly mortal = new Map<string, DiscoveredResource>()
}

export class SotwMux extends Mux<SotwResponse, SotwState> {
  protected newState(typeName: string): SotwState {
    return new SotwState(typeName, this.environment, name => this.expire(typeName, name))
  }

  protected decode(bytes: Buffer): SotwResponse | null {
    return decodeSotwResponse(bytes)
  }

  protected startOver(state: SotwState): void {
    state.nonce = ''
    state.problem = null
    state.force = true
  }

  protected answer(state: SotwState, { nonce, problem }: Answer): void {
    state.nonce = nonce
    state.problem = problem
    state.force = true
  }

  /** Also for a name that others want already: the server has to say it again. */
  override enter(watch: Watch): void {
    this.stateOf(watch.typeName).force = true
    super.enter(watch)
  }

  protected requests(state: SotwState): readonly Uint8Array[] {
    const { problem, force, said } = state
    const names = state.wanted() ?? []
    if (!force && names.length === said.length && names.every((name, i) => said[i] === name)) return []
    state.problem = null
    state.force = false
    state.said = names
    return [
      encodeSotwRequest({
        node: this.nodeForRequest(),
        typeUrl: state.typeUrl,
        versionInfo: state.version,
        resourceNames: names,
        responseNonce: state.nonce,
        problem,
      }),
    ]
  }

  protected async apply(state: SotwState, { resources, versionInfo }: SotwResponse): Promise<Refusal> {
    const decoded = state.decoder.decodeState(resources, versionInfo)
    if (typeof decoded === 'string') return this.refuseAll(state, decoded)
    const bodies = this.noteTtl(state, decoded)
    const onlyHeartbeats = bodies.length === 0 && decoded.length > 0
    const refusal = onlyHeartbeats ? null : await this.deliver(state, this.setOf(state, decoded, versionInfo))
    // Of all there are, what is not named has gone already.
    if (!onlyHeartbeats && state.wanted() === null) state.ttl.retain(new Set(decoded.map(({ name }) => name)))
    if (refusal === null) state.version = versionInfo
    return refusal
  }

  private setOf(state: SotwState, decoded: readonly DecodedResource[], version: string) {
    const resources: DiscoveredResource[] = []
    for (const { name, resource, ttlMs } of decoded) {
      const known = resource ?? state.mortal.get(name)
      if (known !== undefined) resources.push(known)
      if (known !== undefined && ttlMs !== null) state.mortal.set(name, known)
      else state.mortal.delete(name)
    }
    return { version, resources, removed: null }
  }

  protected onExpired(state: SotwState, name: string): void {
    state.mortal.delete(name)
  }
}
