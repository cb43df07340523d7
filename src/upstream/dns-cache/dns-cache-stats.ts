import { type StatBlock, type StatStore, statTemplate } from '../../observability/index.ts'

const TEMPLATE = statTemplate({
  counters: [
    'cache_load',
    'dns_address_filter_out',
    'dns_query_attempt',
    'dns_query_failure',
    'dns_query_success',
    'dns_query_timeout',
    'dns_rq_pending_overflow',
    'host_added',
    'host_address_changed',
    'host_overflow',
    'host_removed',
  ],
  gauges: ['circuit_breakers.rq_pending_open', 'circuit_breakers.rq_pending_remaining', 'num_hosts'],
})

export const DnsCacheStat = {
  FILTERED: TEMPLATE.slot('dns_address_filter_out'),
  ATTEMPT: TEMPLATE.slot('dns_query_attempt'),
  FAILURE: TEMPLATE.slot('dns_query_failure'),
  SUCCESS: TEMPLATE.slot('dns_query_success'),
  TIMEOUT: TEMPLATE.slot('dns_query_timeout'),
  PENDING_OVERFLOW: TEMPLATE.slot('dns_rq_pending_overflow'),
  ADDED: TEMPLATE.slot('host_added'),
  CHANGED: TEMPLATE.slot('host_address_changed'),
  OVERFLOW: TEMPLATE.slot('host_overflow'),
  REMOVED: TEMPLATE.slot('host_removed'),
  PENDING_OPEN: TEMPLATE.slot('circuit_breakers.rq_pending_open'),
  PENDING_REMAINING: TEMPLATE.slot('circuit_breakers.rq_pending_remaining'),
  HOSTS: TEMPLATE.slot('num_hosts'),
} as const

/** `dns_cache.<name>.` */
export function dnsCacheStats(stats: StatStore, name: string): StatBlock {
  return stats.block(`dns_cache.${name}.`, TEMPLATE)
}

/** The counter of requests that wait, over all workers. */
export const pendingCounterName = (cache: string): string => `dns_cache ${cache}`
