import http from 'node:http'

/** One arrow of the demo's picture: who calls whom, and whose statistics tell of it. */
export interface Hop {
  readonly label: string
  readonly adminPort: number
  readonly cluster: string
}

export interface HopFigures {
  readonly label: string
  readonly requestsPerSecond: number
  /** Share of answers that are no 5xx, 0 to 1; NaN without any. */
  readonly success: number
  /** Milliseconds; NaN without requests. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
}

interface Counts {
  readonly atMs: number
  readonly completed: number
  readonly failed: number
}

const NOTHING: Counts = { atMs: 0, completed: 0, failed: 0 }

/** Body of a GET on localhost; rejects when nobody answers. */
export function getText(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, agent: false }, response => {
        let body = ''
        response.setEncoding('utf8').on('data', (piece: string) => {
          body += piece
        })
        response.on('end', () => resolve(body))
      })
      .on('error', reject)
  })
}

/** The value of a counter in the text form of /stats; 0 where it was never written. */
function counter(stats: string, name: string): number {
  return Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(stats)?.[1] ?? 0)
}

/** A quantile of a histogram: of the last interval if anything came in, else of all time. */
function quantile(stats: string, name: string, label: string): number {
  const line = new RegExp(`^${name}: .*\\b${label}\\(([^,]+),([^)]+)\\)`, 'm').exec(stats)
  if (line === null) return Number.NaN
  return line[1] === 'nan' ? Number(line[2]) : Number(line[1])
}

/** Reads the figures of one hop from its caller's proxy, again and again. */
export class HopReader {
  private readonly hop: Hop
  private before: Counts = NOTHING

  constructor(hop: Hop) {
    this.hop = hop
  }

  async read(nowMs: number): Promise<HopFigures> {
    const { label, adminPort, cluster } = this.hop
    const prefix = `cluster.${cluster}.upstream_rq`
    const stats = await getText(
      adminPort,
      `/stats?filter=${encodeURIComponent(`^cluster\\.${cluster}\\.upstream_rq_`)}`,
    )
    const name = prefix.replaceAll('.', '\\.')
    const now = { atMs: nowMs, completed: counter(stats, `${name}_completed`), failed: counter(stats, `${name}_5xx`) }
    const { before } = this
    this.before = now
    const completed = now.completed - before.completed
    const seconds = (now.atMs - before.atMs) / 1000
    return {
      label,
      requestsPerSecond: before === NOTHING ? Number.NaN : completed / seconds,
      success: completed === 0 ? Number.NaN : 1 - (now.failed - before.failed) / completed,
      p50Ms: quantile(stats, `${name}_time`, 'P50'),
      p99Ms: quantile(stats, `${name}_time`, 'P99'),
      p999Ms: quantile(stats, `${name}_time`, 'P99\\.9'),
    }
  }
}
