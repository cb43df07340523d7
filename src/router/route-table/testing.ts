// What the tests of this folder share: compiling a table and making request heads.
import assert from 'node:assert/strict'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../config/index.ts'
import { HeaderMap, HeaderName, type Route, type RouteTable } from '../../http/index.ts'
import { StreamInfo } from '../../observability/index.ts'
import { compileRouteConfiguration } from './index.ts'

export function compileContext(clusters?: readonly string[], runtime: object = {}): CompileContext {
  return {
    diagnostics: new Diagnostics(),
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([runtime]),
    hasCluster: name => clusters?.includes(name) ?? true,
    clusterNames: () => clusters ?? [],
    readFile: path => Buffer.from(path),
  }
}

/** A table that must compile. */
export function table(resource: object, context = compileContext()): RouteTable {
  const compiled = compileRouteConfiguration(resource, context, ConfigPath.root)
  assert.deepEqual(context.diagnostics.list, [])
  return compiled
}

/** `path: message` of every diagnostic. */
export function complaints(resource: object, context = compileContext()): readonly string[] {
  compileRouteConfiguration(resource, context, ConfigPath.root)
  return context.diagnostics.list.map(({ path, message }) => `${path}: ${message}`)
}

export interface RequestLines {
  readonly method?: string
  readonly path?: string
  readonly authority?: string
  readonly lines?: readonly (readonly [string, string])[]
}

export function head({ method = 'GET', path = '/', authority = 'svc.test', lines = [] }: RequestLines): HeaderMap {
  const headers = new HeaderMap()
  headers.method = method
  headers.scheme = 'http'
  if (path !== '') headers.path = path
  if (authority !== '') headers.authority = authority
  for (const [name, value] of lines) headers.append(HeaderName.of(name), value)
  return headers
}

export function streamInfo(): StreamInfo {
  const address = '127.0.0.1:1000'
  return new StreamInfo(
    {
      connectionId: 1,
      remoteAddress: address,
      directRemoteAddress: address,
      localAddress: '127.0.0.1:80',
      directLocalAddress: '127.0.0.1:80',
      requestedServerName: null,
      filterChainName: '',
      ssl: null,
    },
    0,
  )
}

export function routeOf(compiled: RouteTable, headers: HeaderMap, random = 0): Route | null {
  return compiled.route(headers, streamInfo(), random)
}

/** [path, authority, 'name: value', ...] of what goes upstream; the authority is not repeated as a line. */
export function finalizedRequest(
  compiled: RouteTable,
  headers: HeaderMap,
  random = 0,
  suppress = false,
): readonly string[] {
  routeOf(compiled, headers, random)?.finalizeRequest(headers, streamInfo(), suppress)
  const lines: string[] = []
  headers.forEach((name, value) => {
    if (name !== 'host') lines.push(`${name}: ${value}`)
  })
  return [headers.path, headers.authority, ...lines]
}
