// The incremental form: responses say what has changed, requests what is wanted besides or no longer.
import type { DiscoveredResource, Refusal } from '../config/index.ts'
import { type DeltaResponse, decodeDeltaResponse, encodeDeltaRequest } from './messages.ts'
import { type Answer, Mux, TypeState } from './mux.ts'
import type { Watch } from './watch.ts'

class DeltaState extends TypeState<DeltaResponse> {
  /** What the server need not send again, by name. */
  readonly versions = new Map<string, string>()
  /** By name, the last of those that are asked for by name: for whoever asks for the same later. */
  readonly held = new Map<string, DiscoveredResource>()
  /** Names that the server has heard on this stream; null: nothing has been said. */
  said: ReadonlySet<string> | null = null
  answers: Answer[] = []
}

export class DeltaMux extends Mux<DeltaResponse, DeltaState> {
  protected newState(typeName: string): DeltaState {
    return new DeltaState(typeName, this.environment, name => this.expire(typeName, name))
  }

  protected decode(bytes: Buffer): DeltaResponse | null {
    return decodeDeltaResponse(bytes)
  }

  protected startOver(state: DeltaState): void {
    state.said = null
    state.answers = []
  }

  protected answer(state: DeltaState, answer: Answer): void {
    state.answers.push(answer)
  }

  /** A server sends nothing again that it has sent already: what is held is handed over at once. */
  override enter(watch: Watch): void {
    super.enter(watch)
    const state = this.states.get(watch.typeName) as DeltaState
    const held = (watch.names ?? []).flatMap(name => state.held.get(name) ?? [])
    if (held.length > 0) void watch.take({ version: state.version, resources: held, removed: [] })
  }

  protected requests(state: DeltaState): readonly Uint8Array[] {
    const { said, answers } = state
    const names = state.wanted()
    const wanted = new Set(names ?? [])
    const subscribe = [...wanted].filter(name => said?.has(name) !== true)
    const unsubscribe = [...(said ?? [])].filter(name => !wanted.has(name))
    if (names !== null) this.forgetUnwanted(state, wanted)
    state.said = wanted
    state.answers = []
    if (said !== null && subscribe.length === 0 && unsubscribe.length === 0 && answers.length === 0) return []
    const [first = { nonce: '', problem: null }, ...others] = answers
    const initialResourceVersions = said === null ? Object.fromEntries(state.versions) : {}
    return [
      this.encode(state, { subscribe, unsubscribe, initialResourceVersions }, first),
      ...others.map(answer =>
        this.encode(state, { subscribe: [], unsubscribe: [], initialResourceVersions: {} }, answer),
      ),
    ]
  }

  private encode(
    { typeUrl }: DeltaState,
    change: Pick<Parameters<typeof encodeDeltaRequest>[0], 'subscribe' | 'unsubscribe' | 'initialResourceVersions'>,
    { nonce, problem }: Answer,
  ): Uint8Array {
    return encodeDeltaRequest({ node: this.nodeForRequest(), typeUrl, ...change, responseNonce: nonce, problem })
  }

  private forgetUnwanted(state: DeltaState, wanted: ReadonlySet<string>): void {
    for (const name of state.versions.keys()) {
      if (wanted.has(name)) continue
      state.versions.delete(name)
      state.held.delete(name)
      state.ttl.clear(name)
    }
  }

  protected async apply(state: DeltaState, response: DeltaResponse): Promise<Refusal> {
    const { resources, removedResources, systemVersionInfo: version } = response
    const decoded = state.decoder.decodeChanges(resources)
    if (typeof decoded === 'string') return this.refuseAll(state, decoded)
    const found = this.noteTtl(state, decoded).map(({ name, resource }) => ({
      ...(resource as DiscoveredResource),
      name,
    }))
    const isHeartbeat = found.length === 0 && removedResources.length === 0 && decoded.length > 0
    const set = { version, resources: found, removed: removedResources }
    const refusal = isHeartbeat ? null : await this.deliver(state, set)
    if (refusal !== null) return refusal
    state.version = version
    const byName = state.wanted() !== null
    for (const resource of found) {
      state.versions.set(resource.name, resource.version)
      if (byName) state.held.set(resource.name, resource)
    }
    for (const name of removedResources) this.drop(state, name)
    return null
  }

  private drop(state: DeltaState, name: string): void {
    state.versions.delete(name)
    state.held.delete(name)
    state.ttl.clear(name)
  }

  protected onExpired(state: DeltaState, name: string): void {
    this.drop(state, name)
  }
}
