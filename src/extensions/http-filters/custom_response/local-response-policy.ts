// A response of the proxy's own in place of the origin's.
import type { LocalResponsePolicyJson } from '#api/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.ts'
import { toWireText } from '../../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  dataSourceText,
  declareSupport,
  type ExtensionFactory,
} from '../../../config/index.ts'
import {
  compileHeaderMutations,
  FilterStop,
  type HeaderMap,
  type HeaderMutations,
  type HttpFilterStatus,
} from '../../../http/index.ts'
import { compileSubstitutionFormat } from '../../../net/index.ts'
import type { Formatter } from '../../../observability/index.ts'
import type { ResponseContext, ResponsePolicy } from './policy.ts'

const TYPE = 'envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy'

declareSupport(TYPE, {
  supported: [
    'body',
    'body_format',
    'status_code',
    'response_headers_to_add',
    'preserve_response_code_details',
    'response_code_details',
  ],
})

class LocalResponsePolicy implements ResponsePolicy {
  /** latin1 */
  private readonly body: string
  private readonly formatter: Formatter | null
  /** 0: the origin's. */
  private readonly status: number
  private readonly additions: HeaderMutations
  /** Null: the origin's. */
  private readonly details: string | null

  constructor(json: LocalResponsePolicyJson, context: CompileContext, path: ConfigPath) {
    const text = json.body === undefined ? '' : dataSourceText(json.body, context, path.field('body'))
    this.body = toWireText(text ?? '')
    this.formatter =
      json.bodyFormat === undefined
        ? null
        : (compileSubstitutionFormat(json.bodyFormat, context, path.field('body_format')) ?? null)
    this.status = json.statusCode ?? 0
    const at = path.field('response_headers_to_add')
    this.additions = compileHeaderMutations(json.responseHeadersToAdd, undefined, context, at)
    this.details = json.preserveResponseCodeDetails === true ? null : (json.responseCodeDetails ?? '')
  }

  onResponse(headers: HeaderMap, { callbacks }: ResponseContext): HttpFilterStatus {
    const { info, requestHeaders } = callbacks
    // Formats speak of the response that goes.
    info.responseCode = headers.status
    const body =
      this.formatter === null
        ? this.body
        : this.formatter.format({
            requestHeaders,
            responseHeaders: headers,
            responseTrailers: null,
            info,
            localReplyBody: this.body,
          })
    const details = this.details ?? info.responseCodeDetails ?? ''
    callbacks.sendLocalReply(this.status === 0 ? headers.status : this.status, body, details, reply => {
      this.additions.apply(reply, requestHeaders, reply, info)
    })
    return FilterStop
  }

  onReplacement(): void {}
}

export const localResponsePolicyFactory: ExtensionFactory<ResponsePolicy> = {
  name: 'envoy.extensions.http.custom_response.local_response_policy',
  category: 'envoy.http.custom_response',
  typeNames: [TYPE],
  compile: (config, context, path) => new LocalResponsePolicy(config as LocalResponsePolicyJson, context, path),
}
