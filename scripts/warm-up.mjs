// Runs the built proxy once, with a little of everything that most proxies do: what V8 compiles meanwhile is kept, so
// that neither a start nor a first request waits for it. Plain JavaScript that any Node >= 20 runs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:http2'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The proxy is its own origin: its admin interface answers. */
const bootstrap = (port, adminPort) => `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${adminPort} } } }
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: ${port} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: warm_up
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: /dev/null
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              response_headers_to_add: [{ header: { key: x-from, value: "%UPSTREAM_HOST%" } }]
              routes:
              - match: { path: /direct }
                direct_response: { status: 200, body: { inline_string: "ok" } }
              - match: { prefix: /refused }
                route: { cluster: refused, retry_policy: { retry_on: connect-failure } }
              - match: { prefix: / }
                route: { cluster: admin, timeout: 5s }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: admin
    type: STRICT_DNS
    load_assignment:
      cluster_name: admin
      endpoints:
      - lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${adminPort} } } } }]
  - name: refused
    load_assignment:
      cluster_name: refused
      endpoints:
      - lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 1 } } } }]
`

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function get(agent, port, path, body) {
  const asked = request({ agent, port, host: '127.0.0.1', path, method: body === undefined ? 'GET' : 'POST' })
  asked.end(body)
  const [response] = await once(asked, 'response')
  response.resume()
  await once(response, 'end')
}

async function getOverHttp2(port, path) {
  const session = connect(`http://127.0.0.1:${port}`)
  const stream = session.request({ ':path': path })
  session.once('error', error => stream.destroy(error))
  stream.resume()
  await once(stream, 'end')
  session.close()
}

async function sendRequests(port, adminPort) {
  const agent = new Agent({ keepAlive: true })
  for (const path of ['/direct', '/ready', '/refused', '/ready']) await get(agent, port, path)
  await get(agent, port, '/ready', 'a body')
  await getOverHttp2(port, '/ready')
  for (const path of ['/stats', '/stats/prometheus', '/clusters']) await get(agent, adminPort, path)
  agent.destroy()
}

/** An installation does not wait for a proxy that hangs. */
const LIMIT_MS = 30_000

/** `launcher`: path of bin/outrider. Returns what went wrong, null if nothing did. */
export async function warmUp(launcher) {
  const folder = mkdtempSync(join(tmpdir(), 'outrider-warm-up-'))
  const [port, adminPort] = [await freePort(), await freePort()]
  const file = join(folder, 'bootstrap.yaml')
  writeFileSync(file, bootstrap(port, adminPort))
  const flags = ['-c', file, '--concurrency', '1', '--drain-time-s', '0']
  const proxy = spawn(process.execPath, [launcher, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise(resolve => proxy.once('exit', resolve))
  const limit = setTimeout(() => proxy.kill('SIGKILL'), LIMIT_MS)
  let log = ''
  try {
    await new Promise((resolve, reject) => {
      proxy.once('error', reject)
      ended.then(code => reject(new Error(`the proxy ended with ${code}`)))
      proxy.stderr.setEncoding('utf8').on('data', piece => {
        log += piece
        if (log.includes('all listeners are up')) resolve()
      })
    })
    await sendRequests(port, adminPort)
    proxy.kill('SIGTERM')
    const code = await ended
    return code === 0 ? null : `the proxy ended with ${code}\n${log}`
  } catch (error) {
    return `${error.message}\n${log}`
  } finally {
    clearTimeout(limit)
    proxy.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}
