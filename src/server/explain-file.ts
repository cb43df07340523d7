import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import {
  type RouteExplanations,
  type RouteQuestion,
  routeExplanationJson,
  routeExplanationText,
} from '../admin/index.ts'
import { type CompileContext, type ExtensionRegistry, runtimeSnapshot } from '../config/index.ts'
import { readDiscoveryFile } from '../xds/index.ts'
import { compileContext, localClusterName } from './compile-context.ts'
import { type Configuration, loadConfiguration } from './configuration.ts'
import { explainRequest } from './explain-route.ts'
import type { ServerOptions } from './options.ts'
import { runtimeLayers } from './runtime.ts'

const ROUTE_CONFIGURATION = 'envoy.config.route.v3.RouteConfiguration'

/** The route table of that name in the file of an RDS source; one that cannot be used is none. */
function tableFromFile(name: string, file: string): RouteConfigurationJson | undefined {
  const read = readDiscoveryFile(file, ROUTE_CONFIGURATION, { rejectUnknownFields: false })
  if (read.kind !== 'set') return undefined
  const found = read.set.resources.find(resource => resource.name === name)
  return found === undefined ? undefined : { validateClusters: false, ...found.resource }
}

function contextOf({ bootstrap, node, secrets }: Configuration, extensions: ExtensionRegistry): CompileContext {
  const names = new Set((bootstrap.staticResources?.clusters ?? []).map(cluster => cluster.name ?? ''))
  return compileContext({
    secrets,
    extensions,
    node,
    defaultTracer: bootstrap.tracing?.http,
    localClusterName: localClusterName(bootstrap),
    runtime: runtimeSnapshot(runtimeLayers(bootstrap, node.cluster ?? '')),
    clusters: { has: name => names.has(name), names: () => names },
  })
}

export interface FileExplanation {
  /** What is wrong with the file, ready to print; '' for nothing. */
  readonly report: string
  /** '' when there is none. */
  readonly text: string
  readonly problem: string
}

/** Asks the configuration that `options` name, without starting it. */
export function explainRouteOfFile(options: ServerOptions, question: RouteQuestion, json: boolean): FileExplanation {
  const { configuration, report } = loadConfiguration(options)
  if (configuration === undefined) return { report, text: '', problem: '' }
  const explained: RouteExplanations = explainRequest(question, {
    listeners: configuration.bootstrap.staticResources?.listeners ?? [],
    routeTable: (name, source) => (source === null ? undefined : tableFromFile(name, source)),
    context: extensions => contextOf(configuration, extensions),
  })
  if ('problem' in explained) return { report, text: '', problem: explained.problem }
  const { explanations } = explained
  const text = json ? routeExplanationJson(explanations) : [...routeExplanationText(explanations)].join('')
  return { report, text, problem: '' }
}
