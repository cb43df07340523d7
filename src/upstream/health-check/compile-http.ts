import type { HealthCheck_HttpHealthCheckJson } from '#api/envoy/config/core/v3/health_check_pb.ts'
import type { Int64RangeJson } from '#api/envoy/type/v3/range_pb.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher, int64 } from '../../config/index.ts'
import { compileHeaderMutations } from '../../http/index.ts'
import type { CheckerPlan } from './checker.ts'
import { httpChecker, type StatusRange } from './http-check.ts'
import { compilePayload } from './payload.ts'

const DEFAULT_BUFFER_BYTES = 1024
const WITH_BODY: readonly string[] = ['POST', 'PUT', 'PATCH', 'OPTIONS']
const OK: readonly StatusRange[] = [{ start: 200, end: 201 }]

function statusRanges(
  json: readonly Int64RangeJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly StatusRange[] {
  return (json ?? []).map((range, i) => {
    const [start, end] = [int64(range.start ?? 0), int64(range.end ?? 0)]
    if (start >= end || start < 100 || end > 600) {
      context.diagnostics.error(path.index(i), 'a range of statuses lies between 100 and 600 and is not empty', {
        expected: '100 <= start < end <= 600; end itself is not part of the range',
        found: `start ${start}, end ${end}`,
      })
    }
    return { start, end }
  })
}

/** Compiles HealthCheck.HttpHealthCheck. */
export function compileHttpChecker(
  json: HealthCheck_HttpHealthCheckJson,
  context: CompileContext,
  path: ConfigPath,
): CheckerPlan {
  const receive = (json.receive ?? []).map((block, i) => compilePayload(block, context, path.field('receive').index(i)))
  const responseBufferBytes = int64(json.responseBufferSize ?? DEFAULT_BUFFER_BYTES)
  const expectedBytes = receive.reduce((sum, block) => sum + block.length, 0)
  if (responseBufferBytes > 0 && expectedBytes > responseBufferBytes) {
    context.diagnostics.error(path.field('response_buffer_size'), 'what is to be received does not fit', {
      expected: `at least ${expectedBytes}, or 0 for no limit`,
      found: String(responseBufferBytes),
    })
  }
  const send = compilePayload(json.send, context, path.field('send'))
  const method = json.method === undefined || json.method === 'METHOD_UNSPECIFIED' ? 'GET' : json.method
  if (send.length > 0 && !WITH_BODY.includes(method)) {
    const expected = `method: one of ${WITH_BODY.join(', ')}`
    context.diagnostics.error(path.field('send'), `a ${method} carries no body`, { expected })
  }
  const expected = statusRanges(json.expectedStatuses, context, path.field('expected_statuses'))
  const matcher = json.serviceNameMatcher
  return httpChecker({
    host: json.host ?? '',
    path: json.path ?? '',
    method,
    send,
    receive,
    responseBufferBytes,
    mutations: compileHeaderMutations(json.requestHeadersToAdd, json.requestHeadersToRemove, context, path, {
      add: 'request_headers_to_add',
      remove: 'request_headers_to_remove',
    }),
    expectedStatuses: expected.length === 0 ? OK : expected,
    retriableStatuses: statusRanges(json.retriableStatuses, context, path.field('retriable_statuses')),
    serviceNameMatcher:
      matcher === undefined ? null : compileStringMatcher(matcher, context, path.field('service_name_matcher')),
    http2: json.codecClientType === 'HTTP2',
    byAlpn: json.useAlpnProtocol === true,
  })
}
