// Requests signed for AWS, with credentials that are configured or fetched. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  type RawRequest,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const API = 'type.googleapis.com/envoy.extensions.filters.http'
const INLINE = { inline_credential: { access_key_id: 'AKID', secret_access_key: 'SECRET' } }
const signing = (config: object): object => ({ service_name: 's3', region: 'us-east-1', ...config })

let origin: ScriptedOrigin
let metadata: Server
let proxy: ProxyProcess
let ports: readonly number[]
let received: RawRequest | null = null
/** Questions to the metadata service that wait for an answer. */
const questions: ((status: number, body: string) => void)[] = []
let asked: () => void = () => {}

function listener(port: number, config: object): object {
  const http_filters = [
    {
      name: 'aws',
      typed_config: { '@type': `${API}.aws_request_signing.v3.AwsRequestSigning`, ...signing(config) },
    },
    { name: 'router', typed_config: { '@type': `${API}.router.v3.Router` } },
  ]
  const perRoute = {
    '@type': `${API}.aws_request_signing.v3.AwsRequestSigningPerRoute`,
    stat_prefix: 'lambda.',
    aws_request_signing: signing({ service_name: 'lambda', credential_provider: INLINE }),
  }
  const routes = [
    { match: { prefix: '/lambda' }, route: { cluster: 'origin' }, typed_per_filter_config: { aws: perRoute } },
    { match: { prefix: '/' }, route: { cluster: 'origin' } },
  ]
  return {
    ...httpListener({ port, routes, hcm: { stat_prefix: `s${ports.indexOf(port)}`, http_filters } }),
    per_connection_buffer_limit_bytes: 1000,
  }
}

before(async () => {
  origin = await ScriptedOrigin.start(
    answering(request => {
      received = request
      return 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
    }),
  )
  metadata = createServer((_request, response) => {
    questions.push((status, body) => response.writeHead(status).end(body))
    asked()
  }).listen(0, '127.0.0.1')
  ports = await freePorts(2)
  const container = { custom_credential_provider_chain: true, container_credential_provider: {} }
  const config = bootstrap(
    [listener(ports[0]!, { credential_provider: INLINE }), listener(ports[1]!, { credential_provider: container })],
    [staticCluster('origin', origin.port)],
  )
  const { port } = metadata.address() as AddressInfo
  const environment = `AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:${port}/credentials`
  proxy = await ProxyProcess.start(config, { under: ['env', environment] })
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  metadata.closeAllConnections()
  metadata.close()
})

async function send(port: number, target: string, body = ''): Promise<string> {
  received = null
  const length = body === '' ? '' : `content-length: ${body.length}\r\n`
  const head = `${body === '' ? 'GET' : 'POST'} ${target} HTTP/1.1\r\nhost: h\r\n${length}connection: close\r\n\r\n`
  return exchange(port, `${head}${body}`)
}

const header = (name: string): string => received?.headers.find(([field]) => field === name)?.[1] ?? ''

test('a body is hashed before the request goes on, and a route has its own service and stats', async () => {
  assert.match(await send(ports[0]!, '/x', 'hello'), /^HTTP\/1.1 200/)
  assert.equal(header('x-amz-content-sha256'), hash('sha256', 'hello', 'hex'))
  assert.equal(received?.body, 'hello')
  assert.match(header('authorization'), /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/us-east-1\/s3\/aws4_request, /)
  await send(ports[0]!, '/lambda/x')
  assert.match(header('authorization'), /\/lambda\/aws4_request/)
  const stats = await proxy.stats('aws_request_signing')
  assert.equal(stats.get('http.s0.aws_request_signing.signing_added'), 1)
  assert.equal(stats.get('http.s0.aws_request_signing.payload_signing_added'), 1)
  assert.equal(stats.get('lambda.aws_request_signing.signing_added'), 1)
})

test('a body beyond the buffer limit is refused', async () => {
  assert.match(await send(ports[0]!, '/x', 'a'.repeat(5000)), /^HTTP\/1.1 413/)
  assert.equal(received, null)
})

test('while credentials are fetched the request waits', async () => {
  if (questions.length === 0) await new Promise<void>(resolve => (asked = resolve))
  const answer = send(ports[1]!, '/later')
  await send(ports[0]!, '/meanwhile')
  assert.equal(received?.target, '/meanwhile')
  const Expiration = new Date(Date.now() + 3_600_000).toISOString()
  const body = JSON.stringify({ AccessKeyId: 'ROLE', SecretAccessKey: 'S', Token: 'T', Expiration })
  for (const question of questions.splice(0)) question(200, body)
  assert.match(await answer, /^HTTP\/1.1 200/)
  assert.equal(received?.target, '/later')
  assert.equal(header('x-amz-security-token'), 'T')
  assert.match(header('authorization'), /Credential=ROLE\//)
})
