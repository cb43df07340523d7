import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from './index.ts'
import { endpoint } from './reverse-proxy-bootstrap.ts'

const folder = mkdtempSync(join(tmpdir(), 'cli-'))
after(() => rmSync(folder, { recursive: true }))

async function cli(...argv: readonly string[]) {
  let [out, err] = ['', '']
  const output = {
    out: (text: string) => {
      out += text
    },
    err: (text: string) => {
      err += text
    },
  }
  return { code: await run(argv, output), out, err }
}

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const GOOD = `static_resources:
  clusters:
  - name: a
    load_assignment: {cluster_name: a, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}
`

test('--version and --help tell and exit 0', async () => {
  assert.match((await cli('--version')).out, /^outrider \d+\.\d+\.\d+\n$/)
  const { code, out } = await cli('--help')
  assert.equal(code, 0)
  for (const name of ['validate', 'demo', 'reverse-proxy', 'compat', '--drain-time-s', '--base-id']) {
    assert.ok(out.includes(name), name)
  }
})

test('a wrong command line is told with the nearest name, exit 2', async () => {
  const command = await cli('vaildate', 'x')
  assert.equal(command.code, 2)
  assert.match(command.err, /did you mean 'validate'\?/)
  const flag = await cli('--concurency', '2')
  assert.equal(flag.code, 2)
  assert.match(flag.err, /did you mean --concurrency\?/)
  assert.match((await cli('--concurrency', '2')).err, /a configuration is needed/)
  assert.equal((await cli('validate')).code, 2)
  assert.equal((await cli('reverse-proxy', '--from', ':80')).code, 2)
})

test('validate: OK and 0, or findings and 1; one bad file of several is enough', async () => {
  const good = file('good.yaml', GOOD)
  const bad = file('bad.yaml', GOOD.replace('name: a', 'nmae: a'))
  assert.deepEqual(await cli('validate', good), { code: 0, out: `${good}: OK\n`, err: '' })
  const { code, out, err } = await cli('validate', bad, good)
  assert.equal(code, 1)
  assert.equal(out, `${good}: OK\n`)
  assert.match(err, /bad\.yaml:3:5: error: static_resources\.clusters\[0\]\.nmae/)
  assert.match(err, /did you mean 'name'\?/)
  assert.deepEqual(await cli('--mode', 'validate', '-c', good), await cli('validate', good))
})

test('validate --format json is one document', async () => {
  const { code, out } = await cli('validate', '--format', 'json', file('bad.json', '{"static_resorces": {}}'))
  assert.equal(code, 1)
  const { errors, diagnostics } = JSON.parse(out)
  assert.equal(errors, 1)
  assert.equal(diagnostics[0].line, 1)
})

test('a missing file is named', async () => {
  const { code, err } = await cli('validate', join(folder, 'none.yaml'))
  assert.equal(code, 1)
  assert.match(err, /none\.yaml: error: no such file/)
})

test('compat tells what runs and what is refused and why', async () => {
  assert.match((await cli('compat', file('c.yaml', GOOD))).out, /runs as it is/)
  const alts = `${GOOD}    transport_socket: {name: alts, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.alts.v3.Alts}}\n`
  const { code, out } = await cli('compat', file('alts.yaml', alts))
  assert.equal(code, 1)
  assert.match(out, /Refused, and why:\n {2}\S*alts\.yaml:5:\d+: static_resources\.clusters\[0\]\.transport_socket/)
})

for (const [text, expected] of [
  [':8080', { host: 'any', port: 8080 }],
  ['8080', { host: 'any', port: 8080 }],
  ['localhost:3000', { host: 'localhost', port: 3000 }],
  ['http://10.0.0.1:80/', { host: '10.0.0.1', port: 80 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['localhost', undefined],
  ['a:b:80', undefined],
  [':70000', undefined],
  ['', undefined],
  [undefined, undefined],
] as const) {
  test(`address ${text}`, () => assert.deepEqual(endpoint(text, 'any'), expected))
}

test('explain asks a running proxy', async () => {
  const { createServer } = await import('node:http')
  const { once } = await import('node:events')
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.statusCode = request.url?.includes('name=none') === true ? 404 : 200
    response.end('because\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const admin = `127.0.0.1:${port}`
  assert.deepEqual(await cli('explain', '--admin', admin, 'cluster', 'a b'), { code: 0, out: 'because\n', err: '' })
  assert.deepEqual(asked, ['/explain/cluster?name=a+b&format=text'])
  assert.equal((await cli('explain', '--admin', admin, 'cluster', 'none')).code, 1)
  assert.equal((await cli('explain', 'cluster')).code, 2)
  assert.equal((await cli('explain', 'route', '--admin', admin, '-H', 'x-a: 1', 'GET', '/a')).code, 0)
  const rest = 'headers=x-a%3A+1&listener=&client=127.0.0.1&random=0&format=text'
  assert.equal(asked.at(-1), `/explain/route?method=GET&url=%2Fa&${rest}`)
  assert.equal((await cli('explain', 'route', 'GET')).code, 2)
  assert.equal((await cli('explain', 'route', '-H', 'x', 'GET', '/')).code, 2)
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  assert.match((await cli('explain', '--admin', admin, 'cluster', 'a')).err, /no answer from 127\.0\.0\.1/)
})

test('connections are balanced exactly where one worker has them all', async () => {
  const path = file(
    'balanced.yaml',
    `static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 1}}
    connection_balance_config: {exact_balance: {}}
    filter_chains:
    - filters:
      - name: echo
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}
`,
  )
  assert.equal((await cli('-c', path, '--mode', 'validate', '--concurrency', '1')).code, 0)
  const { code, err } = await cli('-c', path, '--mode', 'validate', '--concurrency', '2')
  assert.equal(code, 1)
  assert.match(err, /balanced.yaml:5:\d+: error: .*exact_balance: connections are spread by the kernel/)
})
