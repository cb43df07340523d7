// Requests that come together are all answered, also where the proxy answers by itself within the same read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, parseResponses, RawClient } from '../harness/index.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc'

test('each of several pipelined requests gets its direct response', async () => {
  const [port] = (await freePorts(1)) as [number]
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }]
  const hcm = { route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] } }
  await using _proxy = await ProxyProcess.start(bootstrap([httpListener({ port, hcm })], []))
  for (const requests of [[GET, GET], [GET, GET, GET, POST, GET], [POST, GET, '\r\n', GET], Array(200).fill(GET)]) {
    using client = await RawClient.connect(port)
    const methods = requests.filter(text => text !== '\r\n').map(text => text.slice(0, text.indexOf(' ')))
    client.send(requests.join(''))
    await client.until(text => parseResponses(text, methods).length === methods.length)
    const answers = parseResponses(client.received, methods)
    assert.ok(answers.every(({ status }) => status === 200))
  }
})
