// Where the resources of a running server come from.
import { log, type StatStore } from '../observability/index.ts'
import type { AsyncClient } from '../upstream/index.ts'
import { DiscoverySubscriptions, FileSubscriptions, nodeMessage } from '../xds/index.ts'
import type { Configuration } from './configuration.ts'
import type { ServerOptions } from './options.ts'

const logger = log('config')

export interface SubscriptionParts {
  readonly options: ServerOptions
  readonly stats: StatStore
  readonly client: () => AsyncClient
  readonly configuration: () => Configuration
  onUnknownField(): void
}

export function makeSubscriptions(parts: SubscriptionParts): DiscoverySubscriptions {
  const { rejectUnknownDynamicFields: reject, ignoreUnknownDynamicFields: ignore } = parts.options
  const onUnknownField = (finding: string): void => {
    if (ignore) return
    logger.warn(`a field without meaning: ${finding}`)
    parts.onUnknownField()
  }
  let node: object | null = null
  return new DiscoverySubscriptions({
    files: new FileSubscriptions({ rejectUnknownFields: reject, onUnknownField }),
    stats: parts.stats,
    environment: {
      client: parts.client,
      schedule: (ms, callback) => {
        const timer = setTimeout(callback, ms)
        return () => clearTimeout(timer)
      },
      random: Math.random,
      unknownFields: { reject, onUnknownField },
      node: () => (node ??= nodeMessage({ userAgentName: 'outrider', ...parts.configuration().node })),
    },
    ads: () => parts.configuration().bootstrap.dynamicResources?.adsConfig,
  })
}
