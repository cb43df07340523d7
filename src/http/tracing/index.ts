export { compileCustomTags, mergeCustomTags } from './custom-tags.ts'
export {
  compileDecorator,
  compileOperation,
  compileRouteTracing,
  type RouteDecorator,
  type RouteTracing,
  type SamplingPlan,
} from './route-tracing.ts'
export { TRACER_CATEGORY, type TracerPlan } from './tracer-plan.ts'
