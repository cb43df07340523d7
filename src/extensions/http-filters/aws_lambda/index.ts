import type { ConfigJson, PerRouteConfigJson } from '#api/envoy/extensions/filters/http/aws_lambda/v3/aws_lambda_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { AwsLambda } from './aws-lambda.ts'
import { API, compileLambda, compileRouteLambda, LAMBDA_STATS, type LambdaPlan } from './plan.ts'

const NAME = 'envoy.filters.http.aws_lambda'

/** envoy.filters.http.aws_lambda */
export const awsLambdaFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Config`],
  compile: (config, context, path) => {
    const plan = compileLambda(config as ConfigJson, context, path)
    let stats: StatBlock | null = null
    return {
      name: NAME,
      terminal: false,
      start: (thread, prefix) => {
        stats = thread.stats.block(`${prefix}aws_lambda.`, LAMBDA_STATS)
        plan.credentials.start()
      },
      create: () => new AwsLambda(plan, stats),
    }
  },
}

export const awsLambdaPerRouteFactory: ExtensionFactory<LambdaPlan> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.PerRouteConfig`],
  compile: (config, context, path) => compileRouteLambda(config as PerRouteConfigJson, context, path),
}
