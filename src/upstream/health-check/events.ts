// The event log of health checks: envoy.data.core.v3.HealthCheckEvent as JSON, one per line, as Envoy writes it.
import type { Address } from '../../net/index.ts'
import type { Locality } from '../host.ts'
import type { CheckerType, CheckFailure } from './checker.ts'
import type { HealthCheckEventSink } from './health-check-plan.ts'

/** What every event of one host says. */
export interface EventSubject {
  readonly type: CheckerType
  readonly address: Address
  readonly clusterName: string
  readonly locality: Locality
  readonly metadata: Readonly<Record<string, object>> | null
}

/** Envoy prints only as much of a fraction as there is. */
export function timestamp(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('.000Z', 'Z')
}

export class HealthCheckEvents {
  private readonly sinks: readonly HealthCheckEventSink[]
  private readonly subject: EventSubject
  private readonly wallMs: () => number

  constructor(sinks: readonly HealthCheckEventSink[], subject: EventSubject, wallMs: () => number) {
    this.sinks = sinks
    this.subject = subject
    this.wallMs = wallMs
  }

  ejectUnhealthy(failure: CheckFailure, httpStatus: number): void {
    this.write({ eject_unhealthy_event: { failure_type: failure, http_status_code: httpStatus } }, {})
  }

  addHealthy(firstCheck: boolean): void {
    this.write({ add_healthy_event: { first_check: firstCheck } }, {})
  }

  failure(failure: CheckFailure, httpStatus: number, firstCheck: boolean): void {
    const event = { failure_type: failure, first_check: firstCheck, http_status_code: httpStatus }
    this.write({}, { health_check_failure_event: event })
  }

  degraded(now: boolean): void {
    this.write({}, now ? { degraded_healthy_host: {} } : { no_longer_degraded_host: {} })
  }

  successful(): void {
    this.write({}, {}, { successful_health_check_event: {} })
  }

  /** Fields stand in the order of their numbers: `before` the timestamp, `behind` it, and `last`. */
  private write(before: object, behind: object, last: object = {}): void {
    if (this.sinks.length === 0) return
    const { type, address, clusterName, locality, metadata } = this.subject
    const event = {
      health_checker_type: type,
      host: addressMessage(address),
      cluster_name: clusterName,
      ...before,
      timestamp: timestamp(this.wallMs()),
      ...behind,
      ...(metadata === null ? {} : { metadata: { filter_metadata: metadata, typed_filter_metadata: {} } }),
      locality: { region: locality.region, zone: locality.zone, sub_zone: locality.subZone },
      ...last,
    }
    const line = `${JSON.stringify(event)}\n`
    for (const sink of this.sinks) sink.write(line)
  }
}

/** envoy.config.core.v3.Address with all its fields, as Envoy prints it. */
function addressMessage(address: Address): object {
  if (address.kind === 'pipe') return { pipe: { path: address.path, mode: address.mode } }
  return {
    socket_address: {
      protocol: 'TCP',
      address: address.host,
      port_value: address.port,
      resolver_name: '',
      ipv4_compat: false,
      network_namespace_filepath: '',
    },
  }
}
