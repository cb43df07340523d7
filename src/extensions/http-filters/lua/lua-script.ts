// One script and the machine that runs it in this thread. The same text is the same script, wherever it is configured.
import { HOST_TABLE } from './api/index.ts'
import { scriptLog } from './api/log.ts'
import { DEFAULT_LIMITS, LuaMachine } from './vm/machine.ts'
import { prepareSource } from './vm/prepare-source.ts'

const REQUEST_FUNCTION = 'envoy_on_request'
const RESPONSE_FUNCTION = 'envoy_on_response'
const ROUTE_FUNCTION = 'envoy_on_route'
const NO_FUNCTION = 0n

const known = new Map<string, WeakRef<LuaScript>>()
const forgotten = new FinalizationRegistry<string>(source => {
  if (known.get(source)?.deref() === undefined) known.delete(source)
})

/** `source` is latin1 of what the configuration says. */
export function scriptFor(source: string): LuaScript {
  const present = known.get(source)?.deref()
  if (present !== undefined) return present
  const script = new LuaScript(source)
  known.set(source, new WeakRef(script))
  forgotten.register(script, source)
  return script
}

export class LuaScript {
  requestFunction = NO_FUNCTION
  responseFunction = NO_FUNCTION
  routeFunction = NO_FUNCTION
  private readonly source: string
  private current: LuaMachine | null = null

  constructor(source: string) {
    this.source = source
  }

  /** Loads it, where that has not happened; null, or why it cannot be loaded. */
  load(): string | null {
    if (this.current !== null) return null
    const machine = new LuaMachine(HOST_TABLE, DEFAULT_LIMITS)
    // As in Envoy a script's name is its text; messages quote the first line.
    if (!machine.run(prepareSource(this.source), this.source)) return machine.error
    this.requestFunction = BigInt(machine.globalFunction(REQUEST_FUNCTION))
    this.responseFunction = BigInt(machine.globalFunction(RESPONSE_FUNCTION))
    this.routeFunction = BigInt(machine.globalFunction(ROUTE_FUNCTION))
    this.current = machine
    return null
  }

  hasRequestFunction(): boolean {
    return this.ready() && this.requestFunction !== NO_FUNCTION
  }

  hasResponseFunction(): boolean {
    return this.ready() && this.responseFunction !== NO_FUNCTION
  }

  hasRouteFunction(): boolean {
    return this.ready() && this.routeFunction !== NO_FUNCTION
  }

  machine(): LuaMachine {
    return this.current as LuaMachine
  }

  /** Loaded; a machine whose memory is full makes room for a new one. Runs that it still has end there. */
  private ready(): boolean {
    if (this.current?.worn === true) this.current = null
    if (this.current !== null) return true
    const problem = this.load()
    if (problem !== null) scriptLog('error', problem)
    return problem === null
  }
}

/** Tries a script out, for main: null, or why it cannot be loaded. */
export function checkScript(source: string): string | null {
  return new LuaScript(source).load()
}
