import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Corpus } from '../../test/harness/corpus.ts'
import type { FuzzRandom } from '../../test/harness/fuzz.ts'
import type { FormatContext, HeaderLookup } from './format-context.ts'
import {
  compileFormat,
  compileJsonFormat,
  DEFAULT_ACCESS_LOG_FORMAT,
  isFormatError,
  type JsonFormat,
} from './formatter.ts'
import { operatorNames } from './operators/compile-operator.ts'
import { ResponseFlag } from './response-flags.ts'
import { StreamInfo } from './stream-info.ts'

function headers(values: Readonly<Record<string, string>>): HeaderLookup {
  return { lookup: name => values[name], joined: name => values[name], names: () => Object.keys(values), byteSize: 42 }
}

function infoOf(): StreamInfo {
  const info = new StreamInfo(
    {
      connectionId: 7,
      remoteAddress: '10.1.2.3:4000',
      directRemoteAddress: '[2001:db8::17:1]:4000',
      localAddress: '10.0.0.1:80',
      directLocalAddress: '/run/socket',
      requestedServerName: null,
      filterChainName: 'chain',
      ssl: null,
    },
    0,
  )
  info.protocol = 'HTTP/1.1'
  info.responseCode = 200
  info.responseCodeDetails = 'via upstream'
  info.bytesSent = 4
  info.endUs = 12_999
  info.firstUpstreamRxByteUs = 5000
  info.lastDownstreamTxByteUs = 9100
  info.upstreamHostAddress = '10.9.9.9:8080'
  info.upstreamRemoteAddress = '10.9.9.9:8080'
  info.upstreamAttempts = [
    { address: '10.9.9.8:8080', hostname: 'first.test', connectionId: 0 },
    { address: '10.9.9.9:8080', hostname: '', connectionId: 7 },
  ]
  info.dynamicMetadata = new Map([['ns', { key: 'word', deep: { list: [1, 'x'] } }]])
  info.routeMetadata = { r: { k: true } }
  info.filterState = new Map<string, unknown>([
    ['plain', 'state'],
    ['object', { f: 'field' }],
  ])
  return info
}

const context: FormatContext = {
  requestHeaders: headers({
    ':method': 'GET',
    ':path': '/new?q=12&e=&enc=a%20b+c',
    ':authority': 'svc.test:80',
    'x-envoy-original-path': '/old?q=1',
    'x-a': 'value',
    'content-type': 'application/grpc',
  }),
  responseHeaders: headers({ 'content-type': 'text/x' }),
  responseTrailers: null,
  info: infoOf(),
}

function line(format: string, at: FormatContext = context): string {
  const formatter = compileFormat(format)
  assert.ok(!isFormatError(formatter), `${format} does not compile`)
  return formatter.format(at)
}

test('operators in text', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['100%% %PROTOCOL% %RESPONSE_CODE%', '100% HTTP/1.1 200'],
    [
      '%REQ(:METHOD)% %REQ(X-A)% %REQ(X-NONE?X-A):2% %REQ(X-NONE)% %RESP(CONTENT-TYPE)% %TRAILER(X)%',
      'GET value va - text/x -',
    ],
    ['%PATH% %PATH(NQ)% %PATH(WQ:PATH):4% %PATH(NQ:ORIG)%', '/old?q=1 /old /new /old'],
    ['%QUERY_PARAM(q)%|%QUERY_PARAM(e)%|%QUERY_PARAM(enc):3%|%QUERY_PARAM(x)%', '12||a b|-'],
    ['%QUERY_PARAMS%', 'q=12&e=&enc=a%20b+c'],
    ['%REQ_WITHOUT_QUERY(:PATH)%', '/new'],
    ['%DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION% %REQUEST_DURATION%', '12 5 4 -'],
    ['%COMMON_DURATION(DS_RX_BEG:US_RX_BEG:us)% %COMMON_DURATION(US_RX_BEG:DS_TX_END)%', '5000 4'],
    ['%COMMON_DURATION(DS_TX_END:US_RX_BEG)% %COMMON_DURATION(US_HS_END:DS_TX_END:ns)%', '- -'],
    ['%RESPONSE_CODE_DETAILS% %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%', 'via_upstream via upstream'],
    [
      '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%',
      '10.1.2.3:4000 10.1.2.3 4000',
    ],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(23)%', '10.1.2.0/23'],
    [
      '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(32)%',
      '0.0.0.0/0 10.1.2.3/32',
    ],
    ['%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', '2001:db8::17:1'],
    ['%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT(100)%', '2001:db8::/100'],
    ['%DOWNSTREAM_DIRECT_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_LOCAL_PORT%', '/run/socket -'],
    [
      '%UPSTREAM_HOST% %UPSTREAM_HOSTS_ATTEMPTED% %UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%',
      '10.9.9.9:8080 10.9.9.8:8080,10.9.9.9:8080 10.9.9.8,10.9.9.9',
    ],
    [
      '%UPSTREAM_HOST_NAMES_ATTEMPTED% %UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT% %UPSTREAM_CONNECTION_IDS_ATTEMPTED%',
      'first.test,10.9.9.9:8080 first.test,10.9.9.9 7',
    ],
    ['%DYNAMIC_METADATA(ns:key):2% %DYNAMIC_METADATA(ns:deep):4% %METADATA(DYNAMIC:ns:deep:list):2%', 'wo {"li [1'],
    ['%DOWNSTREAM_DETECTED_CLOSE_TYPE% %UPSTREAM_DETECTED_CLOSE_TYPE%', 'Normal Normal'],
    [
      '%REQUESTED_SERVER_NAME% %REQUESTED_SERVER_NAME(SNI_FIRST)% %REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)%',
      '- svc.test:80 -',
    ],
    ['%DYNAMIC_METADATA(ns:key)% %DYNAMIC_METADATA(ns:deep)% %DYNAMIC_METADATA(ns:none)%', 'word {"list":[1,"x"]} -'],
    ['%METADATA(ROUTE:r:k)% %METADATA(DYNAMIC:ns:deep:list)% %CLUSTER_METADATA(a)%', 'true [1,"x"] -'],
    ['%FILTER_STATE(plain:PLAIN):3% %FILTER_STATE(object:FIELD:f)% %FILTER_STATE(none)%', 'sta field -'],
    ['%COALESCE({"operators":["TRACE_ID",{"command":"REQ","param":"x-a"}]}):3%', 'val'],
    ['%TRACE_ID% %SPAN_ID% %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_CERT_V_START(%Y)%', '- - - -'],
    ['%CONNECTION_ID% %FILTER_CHAIN_NAME% %UPSTREAM_CONNECTION_ID% %BYTES_RETRANSMITTED%', '7 chain 0 0'],
    ['%ENVIRONMENT(NO_SUCH_VARIABLE)%', '-'],
  ]
  for (const [format, expected] of cases) assert.equal(line(format), expected, format)
})

test('gRPC status: trailers, then headers, then the HTTP code; only of gRPC requests', () => {
  const forms = '%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%'
  const of = (trailers: Record<string, string> | null, more: Partial<FormatContext> = {}) =>
    line(forms, { ...context, responseTrailers: trailers === null ? null : headers(trailers), ...more })
  assert.equal(of({ 'grpc-status': '3' }), 'InvalidArgument INVALID_ARGUMENT 3 3')
  assert.equal(of({ 'grpc-status': '1' }), 'Canceled CANCELLED 1 1')
  assert.equal(of({ 'grpc-status': '99' }), '99 99 99 99')
  assert.equal(of({ 'grpc-status': 'zz' }), '-1 -1 -1 -1')
  assert.equal(of(null, { responseHeaders: headers({ 'grpc-status': '16' }) }), 'Unauthenticated UNAUTHENTICATED 16 16')
  assert.equal(of(null), 'Unknown UNKNOWN 2 2')
  const unavailable = infoOf()
  unavailable.responseCode = 503
  assert.equal(of(null, { info: unavailable }), 'Unavailable UNAVAILABLE 14 14')
  assert.equal(of({ 'grpc-status': '3' }, { requestHeaders: headers({}) }), '- - - -')
  assert.equal(of(null, { requestHeaders: headers({ 'content-type': 'application/grpcweb' }) }), '- - - -')
})

test('every operator compiles in some form and survives a stream of which nothing is known', () => {
  const empty: FormatContext = {
    requestHeaders: null,
    responseHeaders: null,
    responseTrailers: null,
    info: new StreamInfo({ ...infoOf().connection, remoteAddress: '', filterChainName: '' }, 0),
  }
  const ARGUMENTS = ['', '(x)', '(DS_RX_BEG:DS_RX_END)', '(ROUTE:x)', '({"operators":["PROTOCOL"]})']
  for (const name of operatorNames) {
    const formatter = ARGUMENTS.map(argument => compileFormat(`%${name}${argument}%`)).find(f => !isFormatError(f))
    assert.ok(formatter !== undefined && !isFormatError(formatter), name)
    for (const at of [empty, context]) assert.equal(typeof formatter.format(at), 'string', name)
  }
})

test('wrong operators and arguments are errors with their place', () => {
  const wrong = [
    '%NOPE%', '%REQ%', '%REQ()%', '%REQ(a?b?c)%', '%PATH(XX)%', '%PATH(WQ:XX)%', '%GRPC_STATUS(XX)%', '%ENVIRONMENT%',
    '%QUERY_PARAMS(X)%', '%DYNAMIC_METADATA%', '%FILTER_STATE%', '%FILTER_STATE(a:FIELD)%', '%COMMON_DURATION%',
    '%COMMON_DURATION(A:B)%', '%PROTOCOL:2%', '%DURATION(X)%', '%START_TIME:4%', '%UNIQUE_ID(X)%', '%METADATA(NOPE:x)%',
    '%REQUESTED_SERVER_NAME(X)%', '%COALESCE(x)%', '%COALESCE({"operators":["NOPE"]})%', '%CLUSTER_METADATA(m:k):2%',
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%', '%PROTOCOL', '%', '%__proto__%', '%toString%',
  ] // biome-ignore format: a list
  for (const format of wrong) {
    const result = compileFormat(`ok ${format}`)
    assert.ok(isFormatError(result), format)
    assert.equal(result.offset, 3, format)
  }
})

test('the default line', () => {
  const start = new Date(context.info.startWallMs).toISOString()
  const at = { ...context, responseHeaders: headers({ 'x-envoy-upstream-service-time': '5' }) }
  assert.equal(
    line(DEFAULT_ACCESS_LOG_FORMAT, at),
    `[${start}] "GET /old?q=1 HTTP/1.1" 200 - 0 4 12 5 "-" "-" "-" "svc.test:80" "10.9.9.9:8080"\n`,
  )
})

test('JSON: keys sorted, an operator alone keeps its type, texts are texts', () => {
  const format: Record<string, JsonFormat> = {
    b: '%RESPONSE_CODE%',
    a: 'code %RESPONSE_CODE%',
    Z: 1,
    yes: true,
    none: '%REQ(x-none)%',
    mixed: 'a %REQ(x-none)%',
    list: ['%PROTOCOL%', null],
    nested: { deep: '%DYNAMIC_METADATA(ns)%', flags: '%RESPONSE_FLAGS%' },
  }
  const json = (omitEmpty: boolean) => {
    const formatter = compileJsonFormat(format, omitEmpty)
    assert.ok(!isFormatError(formatter))
    return formatter.format(context)
  }
  assert.equal(
    json(false),
    '{"Z":1,"a":"code 200","b":200,"list":["HTTP/1.1",null],"mixed":"a -","nested":{"deep":{"deep":{"list":[1,"x"]},"key":"word"},"flags":"-"},"none":null,"yes":true}\n',
  )
  assert.match(json(true), /"mixed":"a ","nested"/)
  assert.ok(!json(true).includes('none'))
  assert.ok(isFormatError(compileJsonFormat({ a: { b: ['%NOPE%'] } }, false)))
})

test('what omit_empty_values leaves out is what a real Envoy leaves out', () => {
  const none = '%REQ(x-none)%'
  const format: Record<string, JsonFormat> = {
    a: { b: none },
    c: [none, 'x', { d: none }],
    e: [none],
    f: `x${none}y`,
    g: {},
    h: [],
    i: '',
    j: null,
    k: { l: { m: none } },
    n: '%LOCAL_REPLY_BODY%',
    o: '%RESPONSE_CODE%',
  }
  const formatter = compileJsonFormat(format, true)
  assert.ok(!isFormatError(formatter))
  assert.equal(formatter.format(context), '{"c":["x"],"e":[],"f":"xy","h":[],"i":"","n":"","o":200}\n')
})

test('operators that are refused say why', () => {
  const formatter = compileFormat('%XFCC_VALUE(uri)%')
  assert.ok(isFormatError(formatter))
  assert.match(formatter.error, /^XFCC_VALUE is not offered: .*; use/)
})

test('expressions have parentheses and percent signs of their own, and errors', () => {
  const at = { ...context, requestHeaders: headers({ ':path': '/a' }) }
  assert.equal(line("%CEL((request.path == '/a' ? 7 : (8)) % 4)%|%CEL(request.path):1%", at), '3|/')
  const formatter = compileFormat('x %CEL(1 +)%')
  assert.ok(isFormatError(formatter))
  assert.match(formatter.error, /^CEL: it ends too early \(at character 4 of it\)$/)
})

test('texts of the configuration come out as UTF-8 bytes, header bytes as they were', () => {
  const at = { ...context, requestHeaders: headers({ 'x-a': '\xe9' }) }
  assert.deepEqual(Buffer.from(line('é %REQ(x-a)%', at), 'latin1'), Buffer.from([0xc3, 0xa9, 0x20, 0xe9]))
})

test('flags print in a log line', () => {
  const info = infoOf()
  info.flags = ResponseFlag.UpstreamConnectionFailure | ResponseFlag.UpstreamRetryLimitExceeded
  assert.equal(line('%RESPONSE_FLAGS%', { ...context, info }), 'URX,UF')
})

test('any text compiles or is refused, and what compiles can be printed', () => {
  const corpus = Corpus.ofTexts(new URL('./testdata/formats/', import.meta.url))
  const pieces = ['%', '%%', '(', ')', ':', '?', '5', 'é', '\n', ' ', 'x', '{"operators":[', ']}', ...operatorNames]
  const make = (random: FuzzRandom, known: string): string => {
    let text = random.once(3) ? known : ''
    for (let n = random.below(8) + 1; n > 0; n--)
      text += random.once(3) ? `%${random.pick(pieces)}(${random.pick(pieces)})%` : random.pick(pieces)
    return random.once(3) ? random.mutateText(text, pieces, random.below(3)) : text
  }
  const check = (text: string): void => {
    const formatter = compileFormat(text)
    if (isFormatError(formatter)) assert.ok(formatter.offset >= 0 && formatter.offset < text.length, text)
    else assert.equal(typeof formatter.format(context), 'string', text)
  }
  corpus.replay(check)
  corpus.fuzz(make, check, 500)
})
