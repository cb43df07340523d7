// Load reports of hosts (xds.data.orca.v3.OrcaLoadReport) as response headers carry them: as text, JSON or protobuf.

export class OrcaReport {
  applicationUtilization = 0
  cpuUtilization = 0
  memUtilization = 0
  /** Requests and errors per second. */
  rps = 0
  eps = 0
  readonly utilization = new Map<string, number>()
  readonly requestCost = new Map<string, number>()
  readonly namedMetrics = new Map<string, number>()

  /** A metric by the name that a configuration gives it; of `utilization.*` the highest. 0: not reported. */
  metric(name: string): number {
    switch (name) {
      case 'application_utilization':
        return this.applicationUtilization
      case 'cpu_utilization':
        return this.cpuUtilization
      case 'mem_utilization':
        return this.memUtilization
    }
    const dot = name.indexOf('.')
    const map = this.mapOf(name.slice(0, dot))
    const key = name.slice(dot + 1)
    return key === '*' ? Math.max(0, ...(map?.values() ?? [])) : (map?.get(key) ?? 0)
  }

  /** False for a name that no report has. */
  set(name: string, value: number): boolean {
    switch (name) {
      case 'application_utilization':
        this.applicationUtilization = value
        return true
      case 'cpu_utilization':
        this.cpuUtilization = value
        return true
      case 'mem_utilization':
        this.memUtilization = value
        return true
      case 'rps_fractional':
        this.rps = value
        return true
      case 'eps':
        this.eps = value
        return true
    }
    const dot = name.indexOf('.')
    const map = dot < 0 ? undefined : this.mapOf(name.slice(0, dot))
    if (map === undefined || map.size >= MAX_METRICS) return false
    map.set(name.slice(dot + 1), value)
    return true
  }

  private mapOf(name: string): Map<string, number> | undefined {
    if (name === 'utilization') return this.utilization
    if (name === 'request_cost') return this.requestCost
    return name === 'named_metrics' ? this.namedMetrics : undefined
  }
}

/** A host must not make this proxy keep whatever it likes. */
const MAX_METRICS = 100

/** `endpoint-load-metrics`: TEXT, JSON or BIN before the report. Null for what is none. */
export function parseLoadMetrics(value: string): OrcaReport | null {
  if (value.startsWith('TEXT ')) return parseText(value.slice(5))
  if (value.startsWith('JSON ')) return parseJson(value.slice(5))
  return value.startsWith('BIN ') ? parseBinary(value.slice(4)) : null
}

function parseText(text: string): OrcaReport | null {
  const report = new OrcaReport()
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    if (equals < 0) return null
    const value = Number(part.slice(equals + 1).trim())
    if (!Number.isFinite(value) || !report.set(part.slice(0, equals).trim(), value)) return null
  }
  return report
}

function parseJson(text: string): OrcaReport | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof json !== 'object' || json === null) return null
  const report = new OrcaReport()
  for (const [name, value] of Object.entries(json)) if (!setJson(report, name, value)) return null
  return report
}

function setJson(report: OrcaReport, name: string, value: unknown): boolean {
  // Both spellings of a field are JSON of protobuf.
  const field = name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
  if (typeof value === 'number') return report.set(field, value) || field === 'rps'
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).every(([key, one]) => typeof one === 'number' && report.set(`${field}.${key}`, one))
}

const DOUBLE_FIELDS: Readonly<Record<number, string>> = {
  1: 'cpu_utilization',
  2: 'mem_utilization',
  6: 'rps_fractional',
  7: 'eps',
  9: 'application_utilization',
}
const MAP_FIELDS: Readonly<Record<number, string>> = { 4: 'request_cost', 5: 'utilization', 8: 'named_metrics' }

/** `endpoint-load-metrics-bin`: the message in base64. Null for what is none. */
export function parseBinary(base64: string): OrcaReport | null {
  const report = new OrcaReport()
  const complete = readFields(Buffer.from(base64, 'base64'), (field, value) => {
    if (typeof value === 'number') {
      const name = DOUBLE_FIELDS[field]
      return name === undefined || report.set(name, value)
    }
    const map = MAP_FIELDS[field]
    return map === undefined || readEntry(value, (key, one) => report.set(`${map}.${key}`, one))
  })
  return complete ? report : null
}

function readEntry(bytes: Buffer, set: (key: string, value: number) => boolean): boolean {
  let key = ''
  let number = 0
  const complete = readFields(bytes, (field, value) => {
    if (field === 1 && typeof value !== 'number') key = value.toString('utf8')
    else if (field === 2 && typeof value === 'number') number = value
    return true
  })
  return complete && set(key, number)
}

/** Doubles and length-delimited fields; varints and 32-bit numbers are skipped. False for bytes that are no message. */
function readFields(bytes: Buffer, onField: (field: number, value: number | Buffer) => boolean): boolean {
  let at = 0
  while (at < bytes.length) {
    const tag = readVarint(bytes, at)
    if (tag === null) return false
    const kind = tag.value % 8
    const field = Math.floor(tag.value / 8)
    const payload = kind === 0 || kind === 2 ? readVarint(bytes, tag.end) : { value: 0, end: tag.end }
    if (payload === null) return false
    const length = kind === 1 ? 8 : kind === 5 ? 4 : kind === 2 ? payload.value : 0
    at = payload.end + length
    if (at > bytes.length || (kind > 2 && kind !== 5)) return false
    const value = kind === 1 ? bytes.readDoubleLE(payload.end) : bytes.subarray(payload.end, at)
    if ((kind === 1 || kind === 2) && !onField(field, value)) return false
  }
  return true
}

function readVarint(bytes: Buffer, from: number): { value: number; end: number } | null {
  let value = 0
  for (let index = 0; index < 10; index++) {
    const byte = bytes[from + index]
    if (byte === undefined) return null
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { value, end: from + index + 1 }
  }
  return null
}
