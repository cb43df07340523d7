import type { SecretJson } from '#api/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import { type CompileContext, loadResource, parseResourceText } from '../../config/index.ts'

const SECRET = 'envoy.extensions.transport_sockets.tls.v3.Secret'

/** Finds a secret in a file of secrets: a DiscoveryResponse, or one Secret alone. The answer is a text when there is none. */
export function secretInFile(file: string, name: string, context: CompileContext): SecretJson | string {
  let text: string
  try {
    text = context.readFile(file).toString('utf8')
  } catch (error) {
    return `cannot read ${file}: ${(error as Error).message}`
  }
  const { value, problem } = parseResourceText(file, text)
  if (problem !== null) return problem
  for (const candidate of resourcesOf(value)) {
    const { '@type': type, ...json } = candidate
    if (type !== undefined && !String(type).endsWith(`/${SECRET}`)) continue
    if (json['name'] !== name) continue
    const { resource, diagnostics } = loadResource(SECRET, { json })
    const wrong = diagnostics.list.find(({ severity }) => severity === 'error')
    if (wrong !== undefined || resource === undefined) {
      return `${file}: secret '${name}': ${wrong === undefined ? 'cannot be read' : `${wrong.path}: ${wrong.message}`}`
    }
    return resource as SecretJson
  }
  return `${file} holds no secret named '${name}'`
}

function resourcesOf(value: unknown): readonly Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return []
  const { resources } = value as { readonly resources?: unknown }
  const list = Array.isArray(resources) ? resources : [value]
  return list.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null)
}
