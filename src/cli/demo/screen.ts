import type { Output } from '../output.ts'
import type { HopFigures } from './hops.ts'

const number = (value: number, digits: number): string => (Number.isNaN(value) ? '-' : value.toFixed(digits))
const percent = (value: number): string => (Number.isNaN(value) ? '-' : `${(value * 100).toFixed(1)} %`)

const HEADER = `${'hop'.padEnd(26)}${'req/s'.padStart(8)}${'success'.padStart(10)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}${'p99.9 ms'.padStart(10)}`

function row(hop: HopFigures): string {
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

/** The live summary: redrawn in place on a terminal, one line per hop otherwise. */
export class Screen {
  private readonly output: Output
  private readonly live: boolean
  private drawn = 0

  constructor(output: Output, live: boolean) {
    this.output = output
    this.live = live
  }

  draw(hops: readonly HopFigures[], elapsedS: number): void {
    const lines = this.live
      ? [HEADER, ...hops.map(row)]
      : hops.map(hop => `${String(Math.round(elapsedS)).padStart(4)} s  ${row(hop)}`)
    if (!this.live && this.drawn === 0) lines.unshift(`        ${HEADER}`)
    // Up to the first line of the last drawing, and each line cleared before it is written.
    const up = this.live && this.drawn > 0 ? `\x1b[${this.drawn}A` : ''
    const clear = this.live ? '\x1b[2K' : ''
    this.output.out(up + lines.map(line => `${clear}${line}\n`).join(''))
    this.drawn = lines.length
  }
}
