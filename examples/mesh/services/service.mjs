// What the demo's services have in common: plain node:http, a port of their own, and a sidecar on localhost.
import http from 'node:http'
import { closeClient } from './reviews-api.mjs'

const agent = new http.Agent({ keepAlive: true })

/** Calls another service by name, through the sidecar's egress listener: the only address a service knows. */
export function call(name, path, request) {
  const port = Number(process.env.EGRESS_PORT)
  // The request id is handed on, so that every hop of one request carries the same.
  const headers = { host: name, 'x-request-id': request.headers['x-request-id'] ?? '' }
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, headers, agent }, response => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', piece => (body += piece))
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(body))
          else reject(new Error(`${name} answered ${response.statusCode}`))
        })
      })
      .on('error', reject)
  })
}

const SLOW_MS = 250
/** What the demo wants of this process: 'none', 'slow' or 'failing'. */
let fault = 'none'
process.on('message', message => {
  fault = message.fault
})

/** Serves `answer(url, request)` as JSON until told to stop. */
export function serve(answer) {
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost')
    if (url.pathname === '/healthz') {
      response.end('ok')
      return
    }
    try {
      if (fault === 'slow') await new Promise(resolve => setTimeout(resolve, SLOW_MS))
      if (fault === 'failing') throw new Error('told to fail')
      const body = await answer(url, request)
      response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body ?? { error: 'not found' }))
    } catch (error) {
      response.writeHead(502, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: error.message }))
    }
  })
  server.listen(Number(process.env.PORT), '127.0.0.1')
  process.on('SIGTERM', () => {
    if (process.connected) process.disconnect()
    server.close()
    server.closeIdleConnections()
    agent.destroy()
    closeClient()
  })
}
