import { type AdminResponse, type Endpoint, JSON_TYPE, text } from '../endpoint.ts'
import type { ExplainedRoute, ExplainedRouteAction, NearMiss, RouteExplanation } from '../explain-route-sources.ts'
import { snakeCased } from '../snake-cased.ts'

const HEADER = /^([^:]+|:[^:]+):\s*(.*)$/
const MAX_RANDOM = 0xffffffff

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`

/** 0: none, -1: somebody else decides. */
const duration = (ms: number, otherwise: string): string => (ms < 0 ? otherwise : ms === 0 ? 'none' : `${ms / 1000} s`)

function changesText(changes: RouteExplanation['prepared'], indent: string): string {
  return changes
    .map(({ name, before, after }) => {
      if (before === null) return `${indent}+ ${name}: ${after}\n`
      return after === null ? `${indent}- ${name}: ${before}\n` : `${indent}~ ${name}: ${before} -> ${after}\n`
    })
    .join('')
}

function missText({ index, name, failed }: NearMiss): string {
  const { at, wanted, found } = failed
  return `    routes[${index}]${name === '' ? '' : ` '${name}'`}: ${at} wants ${JSON.stringify(snakeCased(wanted))}, the request has ${found}\n`
}

function clustersText({ clusters, clusterHeader }: ExplainedRouteAction): string {
  const from = clusterHeader === '' ? '' : `, by header ${clusterHeader}`
  const [only] = clusters
  if (clusters.length === 1 && only !== undefined) return `  cluster ${only.name || '(none named)'}${from}\n`
  const parts = clusters.map(({ name, share, chosen }) => `${name} ${percent(share)}${chosen ? ' (drawn)' : ''}`)
  return `  weighted clusters: ${parts.join(', ')}\n`
}

function actionText(action: ExplainedRouteAction): string {
  let out = clustersText(action)
  out += `  timeout ${duration(action.timeoutMs, 'none')}, per try ${duration(action.perTryTimeoutMs, 'none')}`
  out += `, idle ${duration(action.idleTimeoutMs, 'of the connection manager')}`
  out += `, stream ${duration(action.maxStreamDurationMs, 'of the connection manager')}\n`
  const { retries } = action
  out +=
    retries === null
      ? '  no retries\n'
      : `  up to ${retries.count} retries on ${retries.on.join(', ') || 'nothing'}, after ${retries.backOffMs} ms\n`
  if (action.hashed) out += '  a hash of the request chooses among hosts\n'
  for (const mirror of action.mirrors) out += `  mirrored to ${mirror}\n`
  if (action.autoHostRewrite) out += '  the host becomes that of the endpoint\n'
  if (action.changes.length > 0) out += `  what goes upstream differs in:\n${changesText(action.changes, '    ')}`
  return out
}

function answerText({ kind, answer }: ExplainedRoute): string {
  if (answer === null) return ''
  if (kind === 'redirect') return `  redirect: ${answer.status} to ${answer.location}\n`
  return `  direct response: ${answer.status}${answer.body === '' ? '' : `, ${JSON.stringify(answer.body)}`}\n`
}

function settingsText({ headers, filters }: ExplainedRoute): string {
  let out = ''
  for (const { level, request, response } of headers) {
    if (request.length > 0) out += `  request headers, ${level}: ${request.join('; ')}\n`
    if (response.length > 0) out += `  response headers, ${level}: ${response.join('; ')}\n`
  }
  for (const { name, levels, config } of filters) {
    out += `  filter ${name}, by ${levels.join(' over ')}: ${JSON.stringify(snakeCased(config))}\n`
  }
  return out
}

function outcomeText(outcome: ExplainedRoute): string {
  const { routeConfiguration, virtualHost, nearestDomain, route, nearest } = outcome
  const table = `  route table '${routeConfiguration}': `
  if (virtualHost === null) {
    const near = nearestDomain === null ? '' : `; the nearest domain is '${nearestDomain}'`
    return `${table}no virtual host has the request's domain${near}\n  404 route_not_found\n`
  }
  let out = `${table}virtual host '${virtualHost}'\n`
  if (route === null && outcome.kind === 'redirect') {
    return `${out}  its require_tls sends the client away\n${answerText(outcome)}`
  }
  if (route === null) {
    out += '  no route matches: 404 route_not_found\n'
    return nearest.length === 0
      ? `${out}  it has no routes\n`
      : `${out}  the nearest:\n${nearest.map(missText).join('')}`
  }
  out += `  routes[${route.index}]${route.name === '' ? '' : ` '${route.name}'`} at ${route.at}: ${JSON.stringify(snakeCased(route.match))}\n`
  out += answerText(outcome)
  if (outcome.action !== null) out += actionText(outcome.action)
  out += settingsText(outcome)
  return nearest.length === 0 ? out : `${out}  passed over:\n${nearest.map(missText).join('')}`
}

function oneText(explanation: RouteExplanation): string {
  const { listener, filterChain, request, prepared, refusal, chain, outcome } = explanation
  let out = `listener '${listener}'${filterChain === '' ? '' : `, filter chain '${filterChain}'`}\n`
  out += `  ${request.method} ${request.authority}${request.path}\n`
  if (prepared.length > 0) out += `  the connection manager changes:\n${changesText(prepared, '    ')}`
  if (refusal !== null) {
    out += `  answered at once: ${refusal.status} ${refusal.details}${refusal.location === '' ? '' : `, to ${refusal.location}`}\n`
  }
  if (outcome === null) return refusal === null ? `${out}  there is no route table yet: 404 route_not_found\n` : out
  out += outcomeText(outcome)
  if (chain.length > 0)
    out += `  filters: ${chain.map(({ name, runs }) => (runs ? name : `${name} (off)`)).join(', ')}\n`
  return out
}

export function* routeExplanationText(explanations: readonly RouteExplanation[]): Generator<string> {
  for (const explanation of explanations) yield oneText(explanation)
}

export function routeExplanationJson(explanations: readonly RouteExplanation[]): string {
  return `${JSON.stringify({ explanations: snakeCased(explanations) }, null, 1)}\n`
}

function headersOf(lines: string): readonly (readonly [string, string])[] | string {
  const headers: (readonly [string, string])[] = []
  for (const line of lines.split(/\r?\n/)) {
    if (line === '') continue
    const match = HEADER.exec(line)
    if (match === null) return `a header is 'name:value', not '${line}'\n`
    headers.push([match[1] as string, match[2] as string])
  }
  return headers
}

export const explainRoute: Endpoint = {
  path: '/explain/route',
  help: 'which route a request takes, and what becomes of it there',
  params: [
    { name: 'method', help: "The request's method, GET by default" },
    { name: 'url', help: 'Its URL, or its path alone' },
    { name: 'headers', help: 'Its headers, name:value, each on a line of its own (%0A)' },
    { name: 'listener', help: 'Who gets it; by default those on the port of the URL, or all' },
    { name: 'client', help: "The client's IP address, 127.0.0.1 by default" },
    { name: 'random', help: 'The number that weights and fractions draw from, 0 by default' },
    { name: 'format', help: 'The form of the answer', choices: ['text', 'json'] },
  ],
  handle: ({ params }, sources): AdminResponse => {
    const url = params.get('url') ?? ''
    if (url === '') return text('usage: /explain/route?method=<method>&url=<url>&headers=<name:value>\n', 400)
    const headers = headersOf(params.get('headers') ?? '')
    if (typeof headers === 'string') return text(headers, 400)
    const random = Number(params.get('random') ?? 0)
    if (!Number.isInteger(random) || random < 0 || random > MAX_RANDOM) {
      return text(`random is a whole number up to ${MAX_RANDOM}\n`, 400)
    }
    const explained = sources.explainRoute({
      method: params.get('method') ?? 'GET',
      url,
      headers,
      listener: params.get('listener') ?? '',
      client: params.get('client') ?? '127.0.0.1',
      random,
    })
    if ('problem' in explained) return text(`${explained.problem}\n`, 404)
    const { explanations } = explained
    if (params.get('format') !== 'json') return text(routeExplanationText(explanations))
    return { status: 200, contentType: JSON_TYPE, body: routeExplanationJson(explanations) }
  },
}
