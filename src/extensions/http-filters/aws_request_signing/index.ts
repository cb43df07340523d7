import type {
  AwsRequestSigningJson,
  AwsRequestSigningPerRouteJson,
} from '#api/envoy/extensions/filters/http/aws_request_signing/v3/aws_request_signing_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import { AwsRequestSigning } from './aws-request-signing.ts'
import { API, compileRoutePlan, SigningPlan } from './plan.ts'

const NAME = 'envoy.filters.http.aws_request_signing'

/** envoy.filters.http.aws_request_signing */
export const awsRequestSigningFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.AwsRequestSigning`],
  compile: (config, context, path) => {
    const plan = new SigningPlan(config as AwsRequestSigningJson, '', context, path)
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => plan.start(thread, prefix),
      create: () => new AwsRequestSigning(plan),
    }
  },
}

export const awsRequestSigningPerRouteFactory: ExtensionFactory<SigningPlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.AwsRequestSigningPerRoute`],
  compile: (config, context, path) => compileRoutePlan(config as AwsRequestSigningPerRouteJson, context, path),
}
