import { statTemplate } from '../../../observability/index.ts'

/** `dns_filter.<stat_prefix>.` */
export const DNS_STATS = statTemplate({
  counters: [
    'a_record_queries',
    'aaaa_record_queries',
    'cluster_a_record_answers',
    'cluster_aaaa_record_answers',
    'cluster_srv_record_answers',
    'cluster_unsupported_answers',
    'downstream_rx_errors',
    'downstream_rx_invalid_queries',
    'downstream_rx_queries',
    'downstream_tx_responses',
    'external_a_record_answers',
    'external_a_record_queries',
    'external_aaaa_record_answers',
    'external_aaaa_record_queries',
    'external_unsupported_answers',
    'external_unsupported_queries',
    'externally_resolved_queries',
    'known_domain_queries',
    'local_a_record_answers',
    'local_aaaa_record_answers',
    'local_srv_record_answers',
    'local_unsupported_answers',
    'queries_with_additional_rrs',
    'queries_with_ans_or_authority_rrs',
    'query_buffer_underflow',
    'query_parsing_failure',
    'record_name_overflow',
    'srv_record_queries',
    'unanswered_queries',
    'unsupported_queries',
  ],
  gauges: [],
  histograms: ['downstream_rx_bytes', 'downstream_rx_query_latency', 'downstream_tx_bytes'],
})

export const A_QUERIES = DNS_STATS.slot('a_record_queries')
export const AAAA_QUERIES = DNS_STATS.slot('aaaa_record_queries')
export const CLUSTER_A = DNS_STATS.slot('cluster_a_record_answers')
export const CLUSTER_AAAA = DNS_STATS.slot('cluster_aaaa_record_answers')
export const RX_ERRORS = DNS_STATS.slot('downstream_rx_errors')
export const INVALID = DNS_STATS.slot('downstream_rx_invalid_queries')
export const RX_QUERIES = DNS_STATS.slot('downstream_rx_queries')
export const TX_RESPONSES = DNS_STATS.slot('downstream_tx_responses')
export const KNOWN_DOMAIN = DNS_STATS.slot('known_domain_queries')
export const LOCAL_A = DNS_STATS.slot('local_a_record_answers')
export const LOCAL_AAAA = DNS_STATS.slot('local_aaaa_record_answers')
export const ADDITIONAL_RRS = DNS_STATS.slot('queries_with_additional_rrs')
export const ANSWER_RRS = DNS_STATS.slot('queries_with_ans_or_authority_rrs')
export const UNDERFLOW = DNS_STATS.slot('query_buffer_underflow')
export const PARSING_FAILURE = DNS_STATS.slot('query_parsing_failure')
export const SRV_QUERIES = DNS_STATS.slot('srv_record_queries')
export const UNANSWERED = DNS_STATS.slot('unanswered_queries')
export const UNSUPPORTED = DNS_STATS.slot('unsupported_queries')
export const RX_BYTES = DNS_STATS.slot('downstream_rx_bytes')
export const TX_BYTES = DNS_STATS.slot('downstream_tx_bytes')
