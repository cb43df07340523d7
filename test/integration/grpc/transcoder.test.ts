// What the transcoder sends up, read as messages; its errors and limits. What Envoy answers byte for byte is in the
// filter's envoy-answers.yaml.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { grpcFrame } from '../../../src/http/index.ts'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseRequests,
  parseResponses,
  RawClient,
  type RawResponse,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

const DESCRIPTORS = fileURLToPath(
  new URL('../../../src/extensions/http-filters/grpc_json_transcoder/testdata/shop.binpb', import.meta.url),
)
const types = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS)))
const TYPE = 'type.googleapis.com/envoy.extensions'

const transcoder = (more: object = {}) => ({
  name: 'transcoder',
  typed_config: {
    '@type': `${TYPE}.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder`,
    proto_descriptor_bin: readFileSync(DESCRIPTORS).toString('base64'),
    services: ['shop.v1.Shop'],
    auto_mapping: true,
    ...more,
  },
})
const ROUTER = { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }

const FILTERS: Readonly<Record<string, object>> = {
  plain: transcoder(),
  limited: transcoder({ max_request_body_size: 100, max_response_body_size: 100 }),
}

let proxy: ProxyProcess
let origin: ScriptedOrigin
const ports = new Map<string, number>()

const message = (type: string, json: JsonValue): Buffer => {
  const schema = types.getMessage(`shop.v1.${type}`)!
  return grpcFrame(toBinary(schema, fromJson(schema, json, { registry: types })))
}

/** An answer with trailers, its frames in chunks. */
function reply(frames: readonly Buffer[], trailers = 'grpc-status: 0\r\n'): string {
  const chunks = frames.map(frame => `${frame.length.toString(16)}\r\n${frame.toString('latin1')}\r\n`).join('')
  return `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n${trailers}\r\n`
}

before(async () => {
  origin = await ScriptedOrigin.start(() => {})
  const names = Object.keys(FILTERS)
  const free = await freePorts(names.length)
  const listeners = names.map((name, i) => {
    ports.set(name, free[i]!)
    return httpListener({ port: free[i]!, hcm: { http_filters: [FILTERS[name], ROUTER] } })
  })
  const trailers = {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http_protocol_options: { enable_trailers: true } },
      },
    },
  }
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port, trailers)]))
})
after(async () => {
  await proxy?.stop()
  await origin?.close()
})

const request = (line: string, body: string | null) =>
  `${line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${body === null ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`}\r\n${body ?? ''}`

async function send(line: string, body: string | null = null, listener = 'plain'): Promise<RawResponse> {
  const [response] = parseResponses(await exchange(ports.get(listener)!, Buffer.from(request(line, body))))
  assert.ok(response)
  return response
}

/** The messages in what the origin got. */
function sent(type: string): readonly JsonValue[] {
  const schema = types.getMessage(`shop.v1.${type}`)!
  const body = Buffer.from(origin.requests[0]?.body ?? '', 'latin1')
  const messages: JsonValue[] = []
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 1)
    const bytes = body.subarray(at + 5, at + 5 + length)
    messages.push(toJson(schema, fromBinary(schema, bytes), { registry: types }))
    at += 5 + length
  }
  return messages
}

const FULL = {
  id: '9007199254740993',
  name: 'a<b>&"\u00e9\\/\u{1f600}',
  kind: 'BOOK',
  tags: ['x', 'y'],
  active: true,
  price: 1.5,
  data: 'AP/+',
  createdAt: '2020-01-02T03:04:05.600Z',
  stock: { k: 1, a: 2 },
  maker: { city: 'Oslo', founded: -5, parent: { city: 'P' } },
  smallNumber: 7,
  note: 'n',
  extra: { '@type': 'type.googleapis.com/shop.v1.Maker', city: 'any' },
  meta: { a: [1, 'b', null, true, { c: 2.5 }] },
  mask: 'maker.city,smallNumber',
  big: '18446744073709551615',
  ratio: 0.5,
  kinds: ['TOY', 'KIND_UNSPECIFIED'],
  right: 0,
  maybe: 0,
}

describe('requests', () => {
  const cases: readonly [line: string, body: string | null, type: string, expected: JsonValue][] = [
    [
      'GET /v1/items?page_size=3&tags=a&tags=b%20c&maker.city=Oslo&maker.parent.founded=-4&kind=TOY&kinds=BOOK&kinds=2',
      null,
      'ListRequest',
      {
        pageSize: 3,
        tags: ['a', 'b c'],
        maker: { city: 'Oslo', parent: { founded: -4 } },
        kind: 'TOY',
        kinds: ['BOOK', 'TOY'],
      },
    ],
    [
      'GET /v1/items?since=2020-01-02T03:04:05Z&fields=a,b.c&token=AAE%3D&price=1e3&active=true',
      null,
      'ListRequest',
      { since: '2020-01-02T03:04:05Z', fields: 'a,b.c', token: 'AAE=', price: 1000, active: true },
    ],
    ['GET /v1/items/5?id=6', null, 'GetItemRequest', { id: '6' }],
    ['GET /v1/items/5', '{"full":true}', 'GetItemRequest', { id: '5', full: true }],
    [
      'POST /v1/shelves/s/items',
      '{"name":"n","maker":{"city":"c"}}',
      'CreateItemRequest',
      { shelf: 's', item: { name: 'n', maker: { city: 'c' } } },
    ],
    ['POST /v1/shelves/s/items', null, 'CreateItemRequest', { shelf: 's' }],
    ['PUT /v1/items/5', '{"name":"n","tags":["a"]}', 'Item', { id: '5', name: 'n', tags: ['a'] }],
    ['PUT /v1/items/5?name=q&tags=b', '{"tags":["a"]}', 'Item', { id: '5', name: 'q', tags: ['a', 'b'] }],
    [
      'PATCH /v1/makers/Oslo/items/5',
      '{"maker":{"founded":3}}',
      'Item',
      { id: '5', maker: { city: 'Oslo', founded: 3 } },
    ],
    ['POST /shop.v1.Shop/Echo', JSON.stringify(FULL), 'Item', FULL],
    [
      'POST /shop.v1.Shop/Echo',
      '{"id":9007199254740993,"big":18446744073709551615,"price":"1.5","ratio":"NaN","kind":1,"small_number":"7"}',
      'Item',
      { id: '9007199254740993', big: '18446744073709551615', price: 1.5, ratio: 'NaN', kind: 'BOOK', smallNumber: 7 },
    ],
    [
      'POST /v1/upload/sh',
      'raw',
      'UploadRequest',
      { shelf: 'sh', file: { data: Buffer.from('raw').toString('base64') } },
    ],
  ]
  for (const [line, body, type, expected] of cases) {
    test(`${line} ${body ?? ''}`.slice(0, 100), async () => {
      origin.reset(answering(reply([Buffer.from([0, 0, 0, 0, 0])])))
      assert.equal((await send(line, body)).status, 200)
      assert.deepEqual(sent(type), [expected])
    })
  }

  test('a body in pieces of one byte, unary and as a stream', async () => {
    for (const [path, body, expected] of [
      ['/shop.v1.Shop/Echo', '{"name":"\u00e4\u20ac\u{1f600}"}', [{ name: '\u00e4\u20ac\u{1f600}' }]],
      ['/v1/many', '[{"name":"\u00e4"},{"id":2}]', [{ name: '\u00e4' }, { id: '2' }]],
    ] as const) {
      origin.reset(answering(reply([Buffer.from([0, 0, 0, 0, 0])])))
      const bytes = Buffer.from(body)
      const chunks = [...bytes].map(byte => `1\r\n${String.fromCharCode(byte)}\r\n`).join('')
      const head = `POST ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n`
      await exchange(ports.get('plain')!, `${head}${chunks}0\r\n\r\n`)
      assert.deepEqual(sent('Item'), expected)
    }
  })

  test('messages of a stream go up as they come', async () => {
    origin.reset(() => {})
    using client = await RawClient.connect(ports.get('plain')!)
    const arrived = Promise.withResolvers<void>()
    origin.script = connection => {
      if (connection.received.includes('\0\0\0\0\x02\x08\x01')) arrived.resolve()
    }
    client.send('POST /v1/many HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nb\r\n[{"id":1},{\r\n')
    await arrived.promise
    assert.equal(parseRequests(origin.received).length, 0)
  })
})

describe('errors', () => {
  const cases: readonly [line: string, body: string | null, pattern: RegExp][] = [
    ['POST /shop.v1.Shop/Echo', '{nope', /JSON/],
    ['POST /shop.v1.Shop/Echo', '{"name":', /JSON/],
    ['POST /shop.v1.Shop/Echo', '{"name":"n"} x', /JSON/],
    ['POST /shop.v1.Shop/Echo', '{"smallNumber":"x"}', /small_number/],
    ['POST /shop.v1.Shop/Echo', '{"maker":"x"}', /Maker/],
    [
      'POST /shop.v1.Shop/Echo',
      '{"kind":"NOPE"}',
      /^kind: invalid value "NOPE" for type type\.googleapis\.com\/shop\.v1\.Kind$/,
    ],
    ['POST /shop.v1.Shop/Echo', `${'{"maker":'}${'{"parent":'.repeat(200)}{}${'}'.repeat(201)}`, /./],
    ['POST /v1/shelves/s/items', '[]', /./],
    ['POST /v1/many', '[{"id":1}', /Unexpected end/],
    ['POST /v1/many', '[{"id":1},]', /Expected a value/],
    ['POST /v1/many', '[{"id":"x"}]', /id/],
  ]
  for (const [line, body, pattern] of cases) {
    test(`${line} ${body}`.slice(0, 100), async () => {
      origin.reset(() => {})
      const response = await send(line, body)
      assert.equal(response.status, 400)
      assert.match(response.body, pattern)
    })
  }

  test('a response that is no message', async () => {
    origin.reset(answering(reply([grpcFrame(Buffer.from('ffffff', 'hex'))])))
    assert.equal((await send('GET /v1/items/1')).status, 502)
    origin.reset(answering(reply([grpcFrame(Buffer.from('0801', 'hex'), 1)])))
    assert.equal((await send('GET /v1/items/1')).status, 502)
  })

  test('a response without trailers', async () => {
    const frame = message('Item', { id: '1' }).toString('latin1')
    origin.reset(answering(`HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: 7\r\n\r\n${frame}`))
    const { status, body } = await send('GET /v1/items/1')
    assert.deepEqual([status, body], [503, '{"id":"1"}'])
  })

  test('a stream that fails at once says so, and its body is whole', async () => {
    origin.reset(
      answering('HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 7\r\ncontent-length: 0\r\n\r\n'),
    )
    const { status, body } = await send('GET /v1/watch')
    assert.deepEqual([status, body], [403, '[]'])
  })
})

test('bodies that are not translated yet are bounded', async () => {
  origin.reset(() => {})
  const long = `{"name":"${'n'.repeat(200)}"}`
  assert.equal((await send('POST /shop.v1.Shop/Echo', long, 'limited')).status, 413)
  assert.equal((await send('POST /v1/many', `[${long}]`, 'limited')).status, 413)
  origin.reset(answering(reply([message('Item', { name: 'n'.repeat(200) })])))
  assert.equal((await send('GET /v1/items/1', null, 'limited')).status, 500)
  origin.reset(answering(reply([Buffer.from([0, 0xff, 0xff, 0xff, 0xff])])))
  assert.equal((await send('GET /v1/items/1', null, 'limited')).status, 500)
  // Streams are bounded message by message.
  origin.reset(answering(reply([Buffer.from([0, 0, 0, 0, 0])])))
  const many = `[${Array.from({ length: 50 }, (_, i) => `{"id":${i + 1}}`).join()}]`
  assert.equal((await send('POST /v1/many', many, 'limited')).status, 200)
  assert.equal(sent('Item').length, 50)
  const gauges = await proxy.stats('transcoder')
  assert.deepEqual([...gauges.values()], [0, 0, 0, 0])
})

test('what is wrong with descriptors and services is told before the start', async () => {
  const start = (config: object) => {
    const listener = httpListener({ port: 0, hcm: { http_filters: [transcoder(config), ROUTER] } })
    return ProxyProcess.start(bootstrap([listener], [staticCluster('origin', 1)]))
  }
  await assert.rejects(start({ services: ['shop.v1.Nope'] }), /no service shop\.v1\.Nope in the descriptors/)
  await assert.rejects(start({ proto_descriptor_bin: 'AAAA' }), /no set of descriptors/)
})
