// Who sends the spans: service name, what made them, and what the detectors find.
import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { OpenTelemetryConfigJson } from '#api/envoy/config/trace/v3/opentelemetry_pb.ts'
import type { StaticConfigResourceDetectorConfigJson } from '#api/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.ts'
import { packageVersion } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { Logger } from '../../../observability/index.ts'

const API = 'envoy.extensions.tracers.opentelemetry.resource_detectors.v3'
const CATEGORY = 'envoy.tracers.opentelemetry.resource_detectors'
const VARIABLE = 'OTEL_RESOURCE_ATTRIBUTES'
const logger = new Logger('tracing')

declareSupport(`${API}.EnvironmentResourceDetectorConfig`, { supported: [] })
declareSupport(`${API}.StaticConfigResourceDetectorConfig`, { supported: ['attributes'] })

export type ResourceDetector = () => Iterable<readonly [name: string, value: string]>

export function compileResource(
  json: OpenTelemetryConfigJson,
  context: CompileContext,
  path: ConfigPath,
): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  const { serviceName = '', resourceDetectors = [] } = json
  if (json.setServiceNameResourceAttribute !== false) {
    attributes.set('service.name', serviceName === '' ? 'unknown_service:envoy' : serviceName)
  }
  // As Envoy: who reads traces knows the proxy by these.
  if (json.setTelemetrySdkResourceAttributes !== false) {
    attributes.set('telemetry.sdk.language', 'cpp')
    attributes.set('telemetry.sdk.name', 'envoy')
    attributes.set('telemetry.sdk.version', packageVersion())
  }
  resourceDetectors.forEach((detector, i) => {
    const detect = compileDetector(detector, context, path.field('resource_detectors').index(i))
    for (const [name, value] of detect?.() ?? []) attributes.set(name, value)
  })
  return attributes
}

function compileDetector(
  json: TypedExtensionConfigJson,
  context: CompileContext,
  path: ConfigPath,
): ResourceDetector | undefined {
  const factory = context.extensions.find(CATEGORY, json, context, path)
  return factory?.compile(json.typedConfig!, context, path.field('typed_config')) as ResourceDetector | undefined
}

export const environmentDetectorFactory: ExtensionFactory<ResourceDetector> = {
  name: 'envoy.tracers.opentelemetry.resource_detectors.environment',
  category: CATEGORY,
  typeNames: [`${API}.EnvironmentResourceDetectorConfig`],
  compile: () => () => {
    const found: (readonly [string, string])[] = []
    for (const pair of (process.env[VARIABLE] ?? '').split(',').filter(Boolean)) {
      const parts = pair.split('=').filter(Boolean)
      if (parts.length === 2) found.push([parts[0]!, parts[1]!])
      else logger.warn('a resource attribute of the environment is no pair', { variable: VARIABLE, found: pair })
    }
    return found
  },
}

export const staticDetectorFactory: ExtensionFactory<ResourceDetector> = {
  name: 'envoy.tracers.opentelemetry.resource_detectors.static_config',
  category: CATEGORY,
  typeNames: [`${API}.StaticConfigResourceDetectorConfig`],
  compile: config => () =>
    Object.entries((config as StaticConfigResourceDetectorConfigJson).attributes ?? {}).filter(
      ([name, value]) => name !== '' && value !== '',
    ),
}
