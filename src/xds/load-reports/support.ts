import { declareSupport } from '../../config/index.ts'

declareSupport('envoy.service.load_stats.v3.LoadStatsResponse', {
  supported: ['clusters', 'send_all_clusters', 'load_reporting_interval', 'report_endpoint_granularity'],
})
