// Tracers of Envoy, and their samplers and detectors, that are refused as a whole: what each is, and what to do instead.

const TRACE = 'envoy.config.trace.v3'
const OTEL = 'envoy.extensions.tracers.opentelemetry'
const INSTEAD = 'use envoy.tracers.opentelemetry with a collector, or envoy.tracers.zipkin'

/** Full type name -> the reason, as docs/compat.md prints it. */
export const REFUSED_TRACERS: Readonly<Record<string, string>> = {
  [`${TRACE}.DynamicOtConfig`]: `it loads an OpenTracing library of native code; ${INSTEAD}`,
  [`${TRACE}.LightstepConfig`]: `Envoy has removed it; ${INSTEAD}`,
  [`${TRACE}.OpenCensusConfig`]: `Envoy has removed it; ${INSTEAD}`,
  [`${TRACE}.TraceServiceConfig`]: `it is a service of the old API; ${INSTEAD}`,
  [`${TRACE}.XRayConfig`]: `it sends to AWS X-Ray's daemon by UDP; ${INSTEAD}: the AWS collector takes OTLP`,
  'envoy.extensions.tracers.fluentd.v3.FluentdConfig': `it sends spans by the forward protocol; ${INSTEAD}`,
  'envoy.extensions.tracers.dynamic_modules.v3.DynamicModuleTracer': `it loads native code into Envoy; ${INSTEAD}`,
  [`${OTEL}.samplers.v3.CELSamplerConfig`]: 'it samples by CEL expressions; use random_sampling of routes',
  [`${OTEL}.samplers.v3.DynatraceSamplerConfig`]:
    "it asks Dynatrace for its rates; use parent_based and a collector's sampler",
  [`${OTEL}.resource_detectors.v3.DynatraceResourceDetectorConfig`]:
    "it reads files of Dynatrace's agent; use static_config or environment",
  [`${OTEL}.resource_detectors.v3.PerRouteResourceDetectorConfig`]:
    'it names resources by route; use custom_tags of routes',
}
