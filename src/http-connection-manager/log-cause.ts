import { log, type StreamInfo } from '../observability/index.ts'

const logger = log('router')

/** Says at debug level why a request was not answered by an upstream, in the structure of %RESPONSE_CAUSE%. */
export function logCause({ streamId, responseCode, upstreamCluster, cause }: StreamInfo): void {
  if (!logger.enabled('debug')) return
  logger.debug('upstream failure', { requestId: streamId, status: responseCode, cluster: upstreamCluster, cause })
}
