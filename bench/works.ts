import { ports, type Service } from './ports.ts'

/** One row of the table. */
export interface Work {
  readonly name: string
  readonly title: string
  readonly unit: 'us' | 'MiB/s'
  readonly service: Service
  /** The load generator for `seconds`. */
  readonly command: (seconds: number) => readonly string[]
}

const tenHeaders = Array.from({ length: 10 }, (_, i) => [
  '-H',
  `x-header-number-${i}: some-plausible-value-${i * 7919}`,
]).flat()

const wrk =
  (service: Service, connections: number, path = '/', more: readonly string[] = []): Work['command'] =>
  seconds => {
    const scheme = service === 'tls' ? 'https' : 'http'
    return [
      'wrk',
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      ...more,
      `${scheme}://127.0.0.1:${ports[service]}${path}`,
    ]
  }

const h2load =
  (service: Service, connections: number, streams: number, path = '/', more: readonly string[] = []): Work['command'] =>
  seconds => {
    const load = [`-c${connections}`, `-m${streams}`, '-D', String(seconds), ...more]
    return ['h2load', ...load, `http://127.0.0.1:${ports[service]}${path}`]
  }

const us = (name: string, title: string, service: Service, command: Work['command']): Work => {
  return { name, title, unit: 'us', service, command }
}
const bytes = (name: string, title: string, service: Service, command: Work['command']): Work => {
  return { name, title, unit: 'MiB/s', service, command }
}

export const works: readonly Work[] = [
  us('small', 'small GET, 2 request headers', 'http', wrk('http', 64)),
  us('small-12', 'small GET, 12 request headers', 'http', wrk('http', 64, '/', tenHeaders)),
  us('chain', 'small GET: cors, rbac, header_mutation, local_ratelimit, fault, access log', 'chain', wrk('chain', 64)),
  us('lua', 'small GET, a Lua script on four headers', 'lua', wrk('lua', 64)),
  bytes('mib', '1 MiB GET', 'http', wrk('http', 8, '/mib')),
  bytes('tcp-mib', 'TCP proxy, 1 MiB bodies', 'tcp', wrk('tcp', 8, '/mib')),
  us('tcp-small', 'TCP proxy, small exchanges', 'tcp', wrk('tcp', 64)),
  us('short', 'a connection for each small GET', 'http', wrk('http', 32, '/', ['-H', 'Connection: close'])),
  us('h2-h1', 'HTTP/2 to HTTP/1, 8 connections of 32 streams', 'h2', h2load('h2', 8, 32)),
  us('h2-h2', 'HTTP/2 to HTTP/2, 8 connections of 32 streams', 'h2ToH2', h2load('h2ToH2', 8, 32)),
  us('h2-h2-m1', 'HTTP/2 to HTTP/2, 64 connections of 1 stream', 'h2ToH2', h2load('h2ToH2', 64, 1)),
  bytes('mib-h2', '1 MiB GET over HTTP/2', 'h2', h2load('h2', 4, 2, '/mib', ['-w', '24', '-W', '26'])),
  us('tls', 'TLS, small GET on kept connections', 'tls', wrk('tls', 64)),
  us('tls-new', 'TLS 1.3 handshake (P-256) and one GET', 'tls', wrk('tls', 16, '/', ['-H', 'Connection: close'])),
]

/** Requests that `output` of a load generator reports; null with what went wrong. */
export function countRequests(output: string): number | null {
  if (/Socket errors|Non-2xx/.test(output) || /[1-9]\d* (?:failed|errored)/.test(output)) return null
  const count = /(\d+) requests in/.exec(output) ?? /(\d+) succeeded/.exec(output)
  return count === null || count[1] === '0' ? null : Number(count[1])
}
