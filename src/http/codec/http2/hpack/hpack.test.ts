import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HeaderMap } from '../../../headers.ts'
import { encodeRequest, encodeResponse, encodeTrailers } from '../head-encoder.ts'
import { headOf, requestHead, responseHead } from '../testing/sessions.ts'
import { HpackDecoder } from './decoder.ts'
import { HpackEncoder } from './encoder.ts'
import { HeadAssembler, type HeadMode, RequestHead, ResponseHead, Trailers } from './head-assembler.ts'
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts'

const LIMITS = { maxBytes: 61440, maxCount: 100, underscores: 'ALLOW' } as const

/** Decodes a block to its lines; null: it is broken. */
function decode(decoder: HpackDecoder, block: Buffer, mode: HeadMode = RequestHead): string[] | null {
  const head = new HeadAssembler()
  head.begin(mode, LIMITS, false)
  const { headers } = head
  if (!decoder.decode(block, 0, block.length, head)) return null
  assert.equal(head.failure, 0)
  const lines: string[] = []
  if (headers.status !== 0) lines.push(`:status: ${headers.status}`)
  if (headers.method !== '') lines.push(`:method: ${headers.method}`)
  if (headers.scheme !== '') lines.push(`:scheme: ${headers.scheme}`)
  if (headers.hasPath) lines.push(`:path: ${headers.path}`)
  headers.forEach((name, value) => {
    lines.push(`${name}: ${value}`)
  })
  HeaderMap.release(headers)
  return lines
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const newDecoder = (): HpackDecoder => new HpackDecoder(65536)

describe('HPACK, RFC 7541 appendix C', () => {
  const requests = [
    [':method: GET', ':scheme: http', ':path: /', 'host: www.example.com'],
    [':method: GET', ':scheme: http', ':path: /', 'host: www.example.com', 'cache-control: no-cache'],
    [':method: GET', ':scheme: https', ':path: /index.html', 'host: www.example.com', 'custom-key: custom-value'],
  ]
  const responses = [
    [
      ':status: 302',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ],
    [
      ':status: 307',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ],
    [
      ':status: 200',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:22 GMT',
      'location: https://www.example.com',
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
  ]

  it('C.2: single fields', () => {
    assert.deepEqual(decode(newDecoder(), hex('400a637573746f6d2d6b65790d637573746f6d2d686561646572')), [
      'custom-key: custom-header',
    ])
    assert.deepEqual(decode(newDecoder(), hex('040c2f73616d706c652f70617468')), [':path: /sample/path'])
    assert.deepEqual(decode(newDecoder(), hex('100870617373776f726406736563726574')), ['password: secret'])
    assert.deepEqual(decode(newDecoder(), hex('82')), [':method: GET'])
  })

  const sequences: readonly (readonly [string, number, HeadMode, readonly string[], readonly string[][], number[]])[] =
    [
      [
        'C.3: requests as they are',
        4096,
        RequestHead,
        [
          '828684410f7777772e6578616d706c652e636f6d',
          '828684be58086e6f2d6361636865',
          '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
        ],
        requests,
        [57, 110, 164],
      ],
      [
        'C.4: requests in Huffman code',
        4096,
        RequestHead,
        [
          '828684418cf1e3c2e5f23a6ba0ab90f4ff',
          '828684be5886a8eb10649cbf',
          '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
        ],
        requests,
        [57, 110, 164],
      ],
      [
        'C.5: responses with eviction',
        256,
        ResponseHead,
        [
          '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
          '4803333037c1c0bf',
          '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
        ],
        responses,
        [222, 222, 215],
      ],
      [
        'C.6: responses in Huffman code with eviction',
        256,
        ResponseHead,
        [
          '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
          '4883640effc1c0bf',
          '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
        ],
        responses,
        [222, 222, 215],
      ],
    ]
  for (const [name, tableBytes, mode, blocks, expected, sizes] of sequences) {
    it(name, () => {
      const decoder = newDecoder()
      decoder.table.setMaxSize(tableBytes)
      blocks.forEach((block, i) => {
        assert.deepEqual(decode(decoder, hex(block), mode), expected[i])
        assert.equal(decoder.table.size, sizes[i])
      })
    })
  }
})

describe('HPACK decoder', () => {
  const broken: readonly (readonly [string, string])[] = [
    ['index 0', '80'],
    ['an index past the table', 'be'],
    ['a huge index', 'ffffffffff0f'],
    ['an integer without an end', 'ff80808080808080'],
    ['a literal cut short', '400a63757374'],
    ['a literal without its value', '4001 61'],
    ['a name index past the table', '7e0161'],
    ['a size update behind a field', '8220'],
    ['a size update above the limit', '3fe21f'],
    ['Huffman padding of zeros', '4001618118'],
    ['Huffman padding of more than seven bits', '400161 82 1fff'],
    ['the EOS symbol', '400161 84 ffffffff'],
  ]
  for (const [name, block] of broken) {
    it(`refuses ${name}`, () => assert.equal(decode(newDecoder(), hex(block)), null))
  }

  it('refuses a field that is longer than it may be', () => {
    const block = Buffer.concat([hex('400161 7f82ff03'), Buffer.alloc(65537, 'v')])
    assert.equal(decode(newDecoder(), block), null)
  })

  it('asks for a smaller table once its own limit has shrunk', () => {
    const decoder = newDecoder()
    decoder.setTableLimit(100)
    assert.equal(decode(decoder, hex('82')), null)
    assert.deepEqual(decode(decoder, hex('3f4582')), [':method: GET'])
    assert.equal(decode(decoder, hex('3f4682')), null)
  })

  it('empties the table for an entry larger than it', () => {
    const decoder = newDecoder()
    decode(decoder, hex('40016101 62'))
    assert.equal(decoder.table.count, 1)
    decode(decoder, Buffer.concat([hex('3f01'), hex('400161 7f 01'.replaceAll(' ', '')), Buffer.alloc(128, 'v')]))
    assert.equal(decoder.table.count, 0)
    assert.equal(decoder.table.size, 0)
  })
})

describe('Huffman code', () => {
  it('gives back every string of every byte', () => {
    let seed = 7
    for (let round = 0; round < 400; round++) {
      const bytes = Buffer.from(
        Array.from({ length: round % 60 }, () => {
          seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
          return (seed >> 8) & 255
        }),
      )
      const coded = Buffer.alloc(300)
      const end = encodeHuffman(bytes, 0, bytes.length, coded, 0)
      assert.equal(end, huffmanLength(bytes, 0, bytes.length))
      const out = Buffer.alloc(300)
      assert.equal(decodeHuffman(coded, 0, end, out, 0), bytes.length)
      assert.deepEqual(out.subarray(0, bytes.length), bytes)
    }
  })
})

/** Encodes and decodes with both tables, over and over. */
class Pair {
  readonly encoder: HpackEncoder
  readonly decoder = newDecoder()
  private readonly out = Buffer.alloc(300_000)

  constructor(huffman = false) {
    this.encoder = new HpackEncoder(4096, huffman, 128)
  }

  request(head: HeaderMap): { lines: string[] | null; size: number } {
    const end = encodeRequest(this.encoder, head, '', this.out, 0)
    return { lines: decode(this.decoder, this.out.subarray(0, end)), size: end }
  }
  response(head: HeaderMap): { lines: string[] | null; size: number } {
    const end = encodeResponse(this.encoder, head, head.status, this.out, 0)
    return { lines: decode(this.decoder, this.out.subarray(0, end), ResponseHead), size: end }
  }
  trailers(head: HeaderMap): string[] | null {
    const end = encodeTrailers(this.encoder, head, this.out, 0)
    return decode(this.decoder, this.out.subarray(0, end), Trailers)
  }
}

describe('HPACK encoder', () => {
  it('sends what repeats as one byte, and no entry for what does not', () => {
    const pair = new Pair()
    let size = 0
    for (let i = 0; i < 200; i++) {
      const id = `00000000-0000-4000-8000-${String(i * 7919).padStart(12, '0')}`
      const sent = pair.request(
        requestHead(
          [
            ['user-agent', 'test/1'],
            ['x-request-id', id],
            ['x-same', 'same'],
          ],
          'GET',
          '/p',
        ),
      )
      assert.deepEqual(sent.lines, [
        ':method: GET',
        ':scheme: http',
        ':path: /p',
        'host: a.test',
        'user-agent: test/1',
        `x-request-id: ${id}`,
        'x-same: same',
      ])
      size = sent.size
    }
    // Six indices, and the id with its length behind a reference to its name (two bytes).
    assert.ok(size <= 6 + 36 + 3, `${size} bytes`)
    assert.ok(pair.decoder.table.count <= 6)
  })

  it('never gives authorization an entry', () => {
    const pair = new Pair()
    for (let i = 0; i < 5; i++) pair.request(requestHead([['authorization', 'Bearer secret']]))
    const lines = pair.request(requestHead([['authorization', 'Bearer secret']])).lines
    assert.equal(lines?.at(-1), 'authorization: Bearer secret')
    assert.equal(pair.decoder.table.count, 1)
  })

  it('leaves out the fields of an HTTP/1 connection', () => {
    const hops: [string, string][] = [
      ['connection', 'x-hop, close'],
      ['keep-alive', 'timeout=5'],
      ['proxy-connection', 'close'],
      ['transfer-encoding', 'chunked'],
      ['upgrade', 'h2c'],
      ['te', 'gzip'],
      ['x-a', '1'],
    ]
    assert.deepEqual(new Pair().response(responseHead(200, hops)).lines, [':status: 200', 'x-a: 1'])
    assert.deepEqual(new Pair().request(requestHead([['te', 'trailers']])).lines?.at(-1), 'te: trailers')
  })

  it('follows a table that the peer makes smaller and larger', () => {
    const pair = new Pair()
    const fields: [string, string][] = [
      ['x-a', 'value-a'],
      ['x-b', 'value-b'],
    ]
    for (const limit of [4096, 0, 64, 4096, 100, 8192]) {
      pair.encoder.setPeerLimit(limit)
      for (let i = 0; i < 4; i++) {
        assert.deepEqual(pair.response(responseHead(200, fields)).lines, [
          ':status: 200',
          'x-a: value-a',
          'x-b: value-b',
        ])
      }
      assert.ok(pair.decoder.table.size <= limit)
    }
  })

  for (const huffman of [false, true]) {
    it(`agrees with the decoder over thousands of different heads${huffman ? ', in Huffman code' : ''}`, () => {
      let seed = 99
      const random = (below: number): number => {
        seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
        return (seed >> 4) % below
      }
      const pair = new Pair(huffman)
      for (let round = 0; round < 4000; round++) {
        if (random(200) === 0) pair.encoder.setPeerLimit([0, 64, 500, 4096][random(4)]!)
        const fields = Array.from({ length: random(12) }, (): [string, string] => {
          const name = ['x-a', 'x-b', 'server', 'date', 'content-type', 'cookie-x', `x-${random(300)}`][random(7)]!
          return [name, 'v'.repeat(random(40)) + random(30)]
        })
        const expected = fields.map(([name, value]) => `${name}: ${value}`)
        assert.deepEqual(pair.trailers(headOf(fields)), expected)
      }
    })
  }
})
