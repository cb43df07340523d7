// Faults on keys: a digit chooses a host, a letter says what is wrong with it.
import type { Fault, ServiceProcess } from './service-process.ts'

const CTRL_C = '\x03'
const LETTERS: Readonly<Record<string, Fault>> = { s: 'slow', f: 'failing', d: 'dead', h: 'none' }

export const KEYS = 's slow   f failing   d dead   h healthy   1-3 which host   q quit'
export const NO_TERMINAL =
  'Standard input is no terminal, so there are no keys to press; letters written to it do the same.'

export class Keys {
  /** The host that letters mean. */
  chosen: ServiceProcess
  /** Resolves when somebody wants to go. */
  readonly quit: Promise<null>
  private readonly services: readonly ServiceProcess[]
  private readonly input: NodeJS.ReadStream
  private readonly onChange: () => void
  private readonly onQuit: (nothing: null) => void
  private readonly onData = (text: string): void => this.read(text)

  /** `onChange`: the chosen host or its fault is another one. */
  constructor(services: readonly ServiceProcess[], input: NodeJS.ReadStream, onChange: () => void) {
    const { promise, resolve } = Promise.withResolvers<null>()
    this.services = services
    this.chosen = services[0]!
    this.input = input
    this.onChange = onChange
    this.quit = promise
    this.onQuit = resolve
    // Keys are to be heard at once, and not to be echoed.
    if (input.isTTY) input.setRawMode(true)
    input.setEncoding('utf8').on('data', this.onData)
  }

  private read(text: string): void {
    for (const key of text.toLowerCase()) {
      const service = this.services[Number(key) - 1]
      if (key === 'q' || key === CTRL_C) this.onQuit(null)
      else if (service !== undefined) this.chosen = service
      else if (Object.hasOwn(LETTERS, key)) this.chosen.setFault(LETTERS[key]!)
      else continue
      this.onChange()
    }
  }

  stop(): void {
    this.input.off('data', this.onData)
    if (this.input.isTTY) this.input.setRawMode(false)
    this.input.unref?.()
    this.input.pause()
  }
}
