// The hosts of the service that faults are played with, as its sidecar explains them.
import { getText } from './hops.ts'
import type { ServiceProcess } from './service-process.ts'

export interface HostFigures {
  readonly name: string
  readonly fault: string
  /** 0 to 1. */
  readonly share: number
  /** Used or not, and why. */
  readonly state: string
  readonly used: boolean
}

interface Explained {
  readonly hosts: readonly {
    readonly address: string
    readonly share: number | null
    readonly flags: readonly { readonly flag: string; readonly since_ms: number }[]
    readonly ejection: {
      readonly ejected: boolean
      readonly type: string | null
      readonly returns_in_ms: number | null
      readonly detail: Readonly<Record<string, Readonly<Record<string, unknown>>>>
    } | null
  }[]
}

type ExplainedHost = Explained['hosts'][number]

const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`

function whyEjected({ ejection }: ExplainedHost): string {
  const { host_latency_ms: own, others_latency_ms: others } = ejection?.detail['eject_latency_event'] ?? {}
  if (typeof own === 'number' && typeof others === 'number') {
    return `slow: ${own.toFixed(0)} ms, the others ${others.toFixed(0)} ms`
  }
  return (ejection?.type ?? '').toLowerCase().replaceAll('_', ' ')
}

function stateOf(host: ExplainedHost, nowMs: number): string {
  const returnsInMs = host.ejection?.returns_in_ms ?? null
  if (returnsInMs !== null) return `ejected, ${whyEjected(host)}; may return in ${seconds(returnsInMs)}`
  const [first] = host.flags
  return first === undefined ? 'in use' : `out, ${first.flag} for ${seconds(nowMs - first.since_ms)}`
}

/** Asks the sidecar on `adminPort`. */
export async function readHosts(adminPort: number, services: readonly ServiceProcess[]): Promise<HostFigures[]> {
  const explained: Explained = JSON.parse(await getText(adminPort, '/explain/cluster?name=local_service&format=json'))
  return services.map(({ name, port, fault }) => {
    const host = explained.hosts.find(({ address }) => address.endsWith(`:${port}`))
    if (host === undefined) return { name, fault, share: 0, state: 'unknown to its sidecar', used: false }
    return { name, fault, share: host.share ?? 0, state: stateOf(host, Date.now()), used: host.flags.length === 0 }
  })
}
