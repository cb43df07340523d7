import type { Output } from '../output.ts'
import type { HopFigures } from './hops.ts'
import type { HostFigures } from './hosts.ts'

const number = (value: number, digits: number): string => (Number.isNaN(value) ? '-' : value.toFixed(digits))
const percent = (value: number): string => (Number.isNaN(value) ? '-' : `${(value * 100).toFixed(1)} %`)

const HEADER = `${'hop'.padEnd(26)}${'req/s'.padStart(8)}${'success'.padStart(10)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}${'p99.9 ms'.padStart(10)}`
const HOST_HEADER = `${'  host'.padEnd(14)}${'fault'.padEnd(10)}${'share'.padStart(8)}  state`

function hopRow(hop: HopFigures): string {
  const { label, requestsPerSecond, success, p50Ms, p99Ms, p999Ms } = hop
  return (
    label.padEnd(26) +
    number(requestsPerSecond, 1).padStart(8) +
    percent(success).padStart(10) +
    number(p50Ms, 2).padStart(9) +
    number(p99Ms, 2).padStart(9) +
    number(p999Ms, 2).padStart(10)
  )
}

function hostRow({ name, fault, share, state }: HostFigures, chosen: boolean): string {
  return `${(chosen ? `> ${name}` : `  ${name}`).padEnd(14)}${fault.padEnd(10)}${percent(share).padStart(8)}  ${state}`
}

/** The live summary: redrawn in place on a terminal; otherwise one line per hop now and then, and one per change of a host. */
export class Screen {
  private readonly output: Output
  private readonly live: boolean
  private readonly keys: string
  private drawn = 0
  private hopsDrawn = false
  private readonly states = new Map<string, string>()

  constructor(output: Output, live: boolean, keys: string) {
    this.output = output
    this.live = live
    this.keys = keys
  }

  /** `withHops`: it is time for them where lines stay. */
  draw(
    hops: readonly HopFigures[],
    hosts: readonly HostFigures[],
    chosen: string,
    elapsedS: number,
    withHops: boolean,
  ): void {
    if (this.live) this.redraw(hops, hosts, chosen)
    else this.print(hops, hosts, elapsedS, withHops)
  }

  private redraw(hops: readonly HopFigures[], hosts: readonly HostFigures[], chosen: string): void {
    const rows = hosts.map(host => hostRow(host, host.name === chosen))
    const lines = [HEADER, ...hops.map(hopRow), '', HOST_HEADER, ...rows, '', this.keys]
    // Up to the first line of the last drawing, and each line cleared before it is written.
    const up = this.drawn > 0 ? `\x1b[${this.drawn}A` : ''
    this.output.out(up + lines.map(line => `\x1b[2K${line}\n`).join(''))
    this.drawn = lines.length
  }

  private print(hops: readonly HopFigures[], hosts: readonly HostFigures[], elapsedS: number, withHops: boolean): void {
    const at = `${String(Math.round(elapsedS)).padStart(4)} s  `
    const changed = hosts.filter(host => this.isNews(host)).map(host => `${at}${hostRow(host, false).trim()}`)
    const lines = withHops ? hops.map(hop => `${at}${hopRow(hop)}`) : []
    if (withHops && !this.hopsDrawn) {
      lines.unshift(`        ${HEADER}`)
      this.hopsDrawn = true
    }
    this.output.out([...changed, ...lines].map(line => `${line}\n`).join(''))
  }

  /** The host has come, gone or been given another fault. */
  private isNews({ name, fault, used }: HostFigures): boolean {
    const now = `${fault} ${used}`
    const before = this.states.get(name)
    this.states.set(name, now)
    return before === undefined ? now !== 'none true' : before !== now
  }
}
