// `outrider ratelimit` as a process: its API, its HTTP port, reloads and drain.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { descriptorOf, ServiceProcess } from './service-process.ts'

const limitFile = (count: number, domain = 'shop'): string =>
  `domain: ${domain}\ndescriptors:\n  - {key: client, rate_limit: {unit: day, requests_per_unit: ${count}}}\n`

let service: ServiceProcess
before(async () => {
  service = await ServiceProcess.start({ 'shop.yaml': limitFile(3) }, ['--response-headers'])
})
after(() => service.stop())

test('questions over gRPC', async () => {
  const client = service.client()
  const codes: string[] = []
  for (let i = 0; i < 5; i++) codes.push(await client.code('shop', 'client=a'))
  assert.deepEqual(codes, ['OK', 'OK', 'OK', 'OVER', 'OVER'])
  const answer = await client.ask('shop', [descriptorOf('client=b'), descriptorOf('none=b')], 2)
  assert.deepEqual(
    answer.statuses.map(({ code, limitRemaining }) => [code, limitRemaining]),
    [
      [1, 1],
      [1, 0],
    ],
  )
  assert.deepEqual(
    answer.responseHeadersToAdd.map(({ key }) => key),
    ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'],
  )
  assert.equal(await client.code('', 'client=a'), 'INVALID_ARGUMENT')
  assert.equal(
    await client.unary('/envoy.service.ratelimit.v3.RateLimitService/No', Buffer.alloc(0)),
    'UNIMPLEMENTED: unknown method /envoy.service.ratelimit.v3.RateLimitService/No',
  )
  assert.equal(
    await client.unary('/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit', Buffer.of(0)),
    'INVALID_ARGUMENT: no RateLimitRequest',
  )
  assert.match(
    await client.unary('/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit', Buffer.alloc(70_000)),
    /^RESOURCE_EXHAUSTED/,
  )
  assert.deepEqual(
    [await client.health('ratelimit'), await client.health(''), await client.health('other')],
    [1, 1, 'NOT_FOUND'],
  )
  client.close()
})

test('a limit is exact with many callers at once', async () => {
  const clients = Array.from({ length: 8 }, () => service.client())
  const asked = clients.flatMap(client =>
    Array.from({ length: 250 }, (_, i) => client.code('shop', `client=many${i % 10}`)),
  )
  const passed = (await Promise.all(asked)).filter(code => code === 'OK').length
  assert.equal(passed, 10 * 3)
  for (const client of clients) client.close()
})

test('the HTTP port', async () => {
  const ask = (body: string) => service.page('/json', { method: 'POST', body })
  const question =
    '{"domain": "shop", "descriptors": [{"entries": [{"key": "client", "value": "j"}], "hits_addend": 2}]}'
  const first = await ask(question)
  assert.equal(first.status, 200)
  const { statuses, ...rest } = JSON.parse(first.body)
  assert.equal(rest.overallCode, 'OK')
  assert.deepEqual(statuses[0].currentLimit, { requestsPerUnit: 3, unit: 'DAY' })
  assert.equal(statuses[0].limitRemaining, 1)
  assert.match(statuses[0].durationUntilReset, /^\d+s$/)
  assert.equal((await ask(question)).status, 429)
  assert.equal((await ask('{')).status, 400)
  assert.match((await ask('{"domian": "x"}')).body, /has no field 'domian'[\s\S]*did you mean 'domain'/)
  assert.equal((await ask('{"domain": "shop"}')).status, 400)
  assert.equal((await ask('x'.repeat(70_000))).status, 413)
  assert.deepEqual(await service.page('/healthcheck'), { status: 200, body: 'OK' })
  assert.equal(
    (await service.page('/rlconfig')).body,
    'shop.client: unit=DAY requests_per_unit=3, shadow_mode: false, quota_mode: false\n',
  )
  assert.match((await service.page('/stats')).body, /^ratelimit\.service\.rate_limit\.shop\.client\.over_limit: [1-9]/m)
  assert.equal((await service.page('/nothing')).status, 404)
})

test('the configuration is loaded anew: written, renamed, added, taken away; with errors the last good one stays', async () => {
  const { folder, output } = service
  const config = async (): Promise<string> =>
    (await service.page('/rlconfig')).body.replace(/^(\S+): .*per_unit=(\d+),.*$/gm, '$1 $2')
  const changes = async (pattern: RegExp, change: () => void): Promise<string> => {
    const from = output.text.length
    change()
    await output.until(pattern, from)
    return config()
  }
  const inForce = /has changed and is in force/
  const file = join(folder, 'shop.yaml')
  assert.equal(await changes(inForce, () => writeFileSync(file, limitFile(50))), 'shop.client 50\n')
  const replace = (): void => {
    writeFileSync(join(folder, '.new'), limitFile(60))
    renameSync(join(folder, '.new'), file)
  }
  assert.equal(await changes(inForce, replace), 'shop.client 60\n')
  const from = output.text.length
  assert.equal(
    await changes(/the last good one stays/, () => writeFileSync(file, `${limitFile(70)}oops: 1\n`)),
    'shop.client 60\n',
  )
  await output.until(/shop\.yaml:4:1: error: oops: a rate limit configuration has no field 'oops'/, from)
  assert.deepEqual(
    [await service.stat('ratelimit.service.config_stale'), await service.stat('ratelimit.service.config_load_error')],
    [1, 1],
  )
  assert.equal(await changes(inForce, () => writeFileSync(file, limitFile(80))), 'shop.client 80\n')
  assert.equal(await service.stat('ratelimit.service.config_stale'), 0)
  const both = await changes(inForce, () => writeFileSync(join(folder, 'more.yaml'), limitFile(5, 'more')))
  assert.equal(both, 'more.client 5\nshop.client 80\n')
  assert.equal(await changes(inForce, () => unlinkSync(join(folder, 'more.yaml'))), 'shop.client 80\n')
})

test('a link that is swapped, as Kubernetes and runtime directories do', async () => {
  const swapped = await ServiceProcess.start({}, [], {})
  const { folder, output } = swapped
  const version = (name: string, count: number): void => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'shop.yaml'), limitFile(count))
  }
  version('..1', 7)
  version('..2', 8)
  const point = (name: string): void => {
    symlinkSync(name, join(folder, '..tmp'))
    renameSync(join(folder, '..tmp'), join(folder, '..data'))
  }
  point('..1')
  symlinkSync('..data/shop.yaml', join(folder, 'shop.yaml'))
  await output.until(/is in force/)
  assert.match((await swapped.page('/rlconfig')).body, /requests_per_unit=7,/)
  const from = output.text.length
  point('..2')
  await output.until(/is in force/, from)
  assert.match((await swapped.page('/rlconfig')).body, /requests_per_unit=8,/)
  assert.equal(await swapped.stop(), 0)
})

test('SIGTERM: health says no first, calls are still answered, then exit 0', async () => {
  const leaving = await ServiceProcess.start({ 'shop.yaml': limitFile(3) }, ['--drain-delay', '1s'])
  const client = leaving.client()
  const watch = client.watchHealth()
  const told: number[] = []
  const notServing = new Promise<void>(resolve => {
    watch.on('data', (status: number) => {
      told.push(status)
      if (status === 2) resolve()
    })
  })
  const ended = new Promise<number>(resolve =>
    watch.on('error', error => resolve((error as { code?: number }).code ?? -1)),
  )
  assert.equal(await client.code('shop', 'client=a'), 'OK')
  leaving.child.kill('SIGTERM')
  await notServing
  assert.deepEqual(told, [1, 2])
  assert.deepEqual(await leaving.page('/healthcheck'), { status: 500, body: 'draining\n' })
  const late = leaving.client()
  assert.equal(await late.code('shop', 'client=a'), 'OK')
  assert.equal(await late.health('ratelimit'), 2)
  assert.equal(await ended, 14)
  assert.equal(await leaving.exited, 0)
  client.close()
  late.close()
  await leaving.stop()
})

test('without limits the service is healthy, unless health needs some', async () => {
  const empty = await ServiceProcess.start({}, [], { HEALTHY_WITH_AT_LEAST_ONE_CONFIG_LOADED: 'true' })
  assert.deepEqual(await empty.page('/healthcheck'), { status: 500, body: 'no configuration\n' })
  writeFileSync(join(empty.folder, 'a.yaml'), limitFile(1))
  await empty.output.until(/is in force/)
  assert.deepEqual(await empty.page('/healthcheck'), { status: 200, body: 'OK' })
  await empty.stop()
})

test('a first configuration with errors is no start', async () => {
  await assert.rejects(ServiceProcess.start({ 'a.yaml': 'domain: [' }), /exited with 1:\n\S+a\.yaml:\d+:\d+: error: /)
  await assert.rejects(
    ServiceProcess.start({}, ['--window', 'round', '--lisen', 'x']),
    /exited with 2:[\s\S]*fixed, sliding[\s\S]*did you mean --listen/,
  )
})
