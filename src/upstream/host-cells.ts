// Stats of hosts: one row per host and worker in shared memory, so main reads them without asking a worker.
import type { Host } from './host.ts'
import { releaseHostShare } from './host-limits.ts'
import { HOST_CELLS, HOST_CX_TOTAL } from './stats.ts'

const ROWS_PER_BLOCK = 512
/** The key of a cluster's own row: what it turned away. */
export const DROPS_KEY = ''

/** New rows of one cluster in one worker; posted to main once. */
export interface HostCellsReport {
  readonly cluster: string
  readonly workerIndex: number
  readonly rows: readonly { readonly key: string; readonly memory: SharedArrayBuffer; readonly offset: number }[]
}

/** Allots rows; one per worker. A row is never used again, since main may still read it for a host that has gone. */
export class HostCellMemory {
  private readonly workerIndex: number
  private readonly onHostCells: (report: HostCellsReport) => void
  private block = new SharedArrayBuffer(0)
  private used = ROWS_PER_BLOCK

  constructor(workerIndex: number, onHostCells: (report: HostCellsReport) => void) {
    this.workerIndex = workerIndex
    this.onHostCells = onHostCells
  }

  allot(): Float64Array {
    if (this.used === ROWS_PER_BLOCK) {
      this.block = new SharedArrayBuffer(ROWS_PER_BLOCK * HOST_CELLS * 8)
      this.used = 0
    }
    return new Float64Array(this.block, this.used++ * HOST_CELLS * 8, HOST_CELLS)
  }

  report(cluster: string, hosts: readonly Pick<Host, 'key' | 'cells'>[]): void {
    this.onHostCells({
      cluster,
      workerIndex: this.workerIndex,
      rows: hosts.map(host => ({
        key: host.key,
        memory: host.cells.buffer as SharedArrayBuffer,
        offset: host.cells.byteOffset,
      })),
    })
  }
}

/** Main's side: the sums over all workers. */
export class HostCellReader {
  private readonly clusters = new Map<
    string,
    Map<string, { readonly workerIndex: number; readonly cells: Float64Array }[]>
  >()
  /** What workers that are gone had counted. */
  private static readonly gauges: readonly number[] = [1, 7, 8]

  add(report: HostCellsReport): void {
    let hosts = this.clusters.get(report.cluster)
    if (hosts === undefined) this.clusters.set(report.cluster, (hosts = new Map()))
    for (const { key, memory, offset } of report.rows) {
      const cells = new Float64Array(memory, offset, HOST_CELLS)
      const rows = hosts.get(key)
      if (rows === undefined) hosts.set(key, [{ workerIndex: report.workerIndex, cells }])
      else rows.push({ workerIndex: report.workerIndex, cells })
    }
  }

  /** A worker has opened a connection to a host of the cluster, at any time. */
  hasTraffic(cluster: string): boolean {
    for (const rows of this.clusters.get(cluster)?.values() ?? []) {
      for (const { cells } of rows) if ((cells[HOST_CX_TOTAL] as number) > 0) return true
    }
    return false
  }

  /** Some thread has used the cluster. */
  knows(cluster: string): boolean {
    return this.clusters.has(cluster)
  }

  /** Sums by HOST_* slot. */
  sum(cluster: string, key: string): number[] {
    const totals: number[] = new Array(HOST_CELLS).fill(0)
    for (const { cells } of this.clusters.get(cluster)?.get(key) ?? []) {
      for (let slot = 0; slot < HOST_CELLS; slot++) totals[slot]! += cells[slot] as number
    }
    return totals
  }

  /** A dead worker's counters stay, its gauges are void. `rowOf`: the row of a host. */
  onWorkerGone(workerIndex: number, rowOf: (cluster: string, key: string) => Int32Array | undefined): void {
    for (const [cluster, hosts] of this.clusters) {
      for (const [key, rows] of hosts) {
        for (const { workerIndex: index, cells } of rows) {
          if (index !== workerIndex) continue
          for (const slot of HostCellReader.gauges) cells[slot] = 0
          const row = rowOf(cluster, key)
          if (row !== undefined) releaseHostShare(row, cells)
        }
      }
    }
  }

  /** Forgets hosts that are no longer among `keys`; without keys, the whole cluster. */
  retain(cluster: string, keys: ReadonlySet<string> | null): void {
    const hosts = this.clusters.get(cluster)
    if (hosts === undefined) return
    if (keys === null) this.clusters.delete(cluster)
    else for (const key of hosts.keys()) if (key !== DROPS_KEY && !keys.has(key)) hosts.delete(key)
  }
}
