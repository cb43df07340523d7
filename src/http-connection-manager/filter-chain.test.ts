// The contract of http filters, both directions: what src/http/http-filter.ts promises.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  FilterContinue,
  type FilterDirection,
  FilterStop,
  FilterStopAndBuffer,
  FilterStopAndWatermark,
  HeaderMap,
  HeaderName,
  HttpFilter,
  type HttpFilterStatus,
} from '../http/index.ts'
import { type ChainOwner, FilterChain } from './filter-chain.ts'

type OnHeaders = (headers: HeaderMap, endStream: boolean) => HttpFilterStatus
type OnData = (text: string, endStream: boolean) => HttpFilterStatus
type OnTrailers = (trailers: HeaderMap) => HttpFilterStatus

const MARK = HeaderName.of('x-mark')

/** A filter that does what its test says, the same in both directions; it writes down what it heard. */
class Scripted extends HttpFilter {
  readonly heard: string[] = []
  onHeaders: OnHeaders = () => FilterContinue
  onData: OnData = () => FilterContinue
  onTrailers: OnTrailers = () => FilterContinue

  private headers(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    this.heard.push(endStream ? 'headers.' : 'headers')
    return this.onHeaders(headers, endStream)
  }

  private data(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const text = data.latin1Slice(start, end)
    this.heard.push(endStream ? `${text}.` : text)
    return this.onData(text, endStream)
  }

  private trailers(trailers: HeaderMap): HttpFilterStatus {
    this.heard.push('trailers')
    return this.onTrailers(trailers)
  }

  override decodeHeaders = this.headers
  override decodeData = this.data
  override decodeTrailers = this.trailers
  override encodeHeaders = this.headers
  override encodeData = this.data
  override encodeTrailers = this.trailers
}

/** One direction of a chain of filters: parts go in, what comes out is written down. */
class Rig implements ChainOwner {
  readonly out: string[] = []
  readonly events: string[] = []
  ended = false
  bufferLimitBytes = 100
  readonly chain: FilterChain
  readonly way: FilterDirection
  private readonly request: boolean

  constructor(request: boolean, filters: readonly Scripted[]) {
    this.request = request
    const terminal = new Terminal(this)
    // Written in the order in which they hear the message.
    this.chain = new FilterChain([...(request ? filters : [...filters].reverse()), terminal], this)
    this.way = request ? this.chain.decoding : this.chain.encoding
  }

  headers(endStream = false): void {
    const headers = HeaderMap.acquire()
    if (this.request) this.chain.decodeHeaders(headers, endStream)
    else this.chain.encodeHeaders(headers, endStream)
  }

  data(text: string, endStream = false): void {
    const bytes = Buffer.from(`<${text}>`, 'latin1')
    if (this.request) this.chain.decodeData(bytes, 1, bytes.length - 1, endStream)
    else this.chain.encodeData(bytes, 1, bytes.length - 1, endStream)
    // The bytes are only lent.
    bytes.fill(63)
  }

  trailers(): void {
    const trailers = HeaderMap.acquire()
    trailers.append(MARK, 'end')
    if (this.request) this.chain.decodeTrailers(trailers)
    else this.chain.encodeTrailers(trailers)
  }

  continue(filter: HttpFilter): void {
    if (this.request) this.chain.continueDecoding(filter)
    else this.chain.continueEncoding(filter)
  }

  sendHeaders(_headers: HeaderMap, endStream: boolean): void {
    this.out.push(endStream ? 'headers.' : 'headers')
  }

  sendData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.out.push(`${data.latin1Slice(start, end)}${endStream ? '.' : ''}`)
  }

  sendTrailers(trailers: HeaderMap): void {
    this.out.push(`trailers ${trailers.get(MARK)}`)
  }

  onHeadersThrough(): void {}

  onRequestTooLarge(): void {
    this.events.push('too large')
    this.ended = true
  }

  onResponseTooLarge(): void {
    this.onRequestTooLarge()
  }

  pauseDownstream(): void {
    this.events.push('pause')
  }

  resumeDownstream(): void {
    this.events.push('resume')
  }
}

class Terminal extends HttpFilter {
  private readonly rig: Rig

  constructor(rig: Rig) {
    super()
    this.rig = rig
  }

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    this.rig.sendHeaders(headers, endStream)
    return FilterStop
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    this.rig.sendData(data, start, end, endStream)
    return FilterContinue
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.rig.sendTrailers(trailers)
    return FilterContinue
  }

  override onDownstreamAboveHighWatermark(): void {
    this.rig.pauseDownstream()
  }

  override onDownstreamBelowLowWatermark(): void {
    this.rig.resumeDownstream()
  }
}

const add = (rig: Rig, filter: HttpFilter, text: string): void => {
  const bytes = Buffer.from(text, 'latin1')
  rig.way.addData(filter, bytes, 0, bytes.length)
  bytes.fill(63)
}

const inject = (rig: Rig, filter: HttpFilter, text: string, endStream = false): void => {
  const bytes = Buffer.from(text, 'latin1')
  rig.way.injectData(filter, bytes, 0, bytes.length, endStream)
}

for (const request of [true, false]) {
  describe(request ? 'requests' : 'responses', () => {
    const setUp = (): { a: Scripted; b: Scripted; c: Scripted; rig: Rig } => {
      const [a, b, c] = [new Scripted(), new Scripted(), new Scripted()]
      return { a, b, c, rig: new Rig(request, [a, b, c]) }
    }

    it('passes every part through every filter in order', () => {
      const { a, b, c, rig } = setUp()
      rig.headers()
      rig.data('one')
      rig.data('two')
      rig.trailers()
      for (const filter of [a, b, c]) assert.deepEqual(filter.heard, ['headers', 'one', 'two', 'trailers'])
      assert.deepEqual(rig.out, ['headers', 'one', 'two', 'trailers end'])
    })

    it('carries the end on headers, on data and on empty data', () => {
      const first = setUp()
      first.rig.headers(true)
      assert.deepEqual(first.rig.out, ['headers.'])
      const second = setUp()
      second.rig.headers()
      second.rig.data('x', true)
      assert.deepEqual(second.rig.out, ['headers', 'x.'])
      const third = setUp()
      third.rig.headers()
      third.rig.data('', true)
      assert.deepEqual(third.rig.out, ['headers', '.'])
    })

    for (const status of [FilterStopAndBuffer, FilterStopAndWatermark] as const) {
      it(`headers ${status}: body and trailers wait unseen, then pass the filter itself`, () => {
        const { a, b, c, rig } = setUp()
        b.onHeaders = () => status
        rig.headers()
        rig.data('one')
        rig.data('two')
        rig.trailers()
        assert.deepEqual(a.heard, ['headers', 'one', 'two', 'trailers'])
        assert.deepEqual(b.heard, ['headers'])
        assert.deepEqual(rig.out, [])
        rig.continue(b)
        assert.deepEqual(b.heard, ['headers', 'onetwo', 'trailers'])
        assert.deepEqual(c.heard, ['headers', 'onetwo', 'trailers'])
        assert.deepEqual(rig.out, ['headers', 'onetwo', 'trailers end'])
      })
    }

    it('headers stopped, message ended with them: they go on with their end', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => FilterStopAndWatermark
      rig.headers(true)
      rig.continue(b)
      assert.deepEqual(rig.out, ['headers.'])
    })

    it('headers stop: the filter sees data; its FilterContinue ends the wait', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => FilterStop
      b.onData = (text, endStream) => (endStream || text === 'go' ? FilterContinue : FilterStopAndBuffer)
      rig.headers()
      rig.data('one')
      rig.data('two')
      assert.deepEqual(rig.out, [])
      rig.data('go')
      assert.deepEqual(rig.out, ['headers', 'onetwogo'])
      rig.data('end', true)
      assert.deepEqual(rig.out, ['headers', 'onetwogo', 'end.'])
      assert.deepEqual(b.heard, ['headers', 'one', 'two', 'go', 'end.'])
    })

    it('headers stop: trailers answered with FilterContinue end the wait', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => FilterStop
      b.onData = () => FilterStopAndBuffer
      rig.headers()
      rig.data('one')
      rig.trailers()
      assert.deepEqual(rig.out, ['headers', 'one', 'trailers end'])
    })

    it('trailers stopped: body and trailers go on later', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => FilterStop
      b.onData = () => FilterStopAndBuffer
      b.onTrailers = () => FilterStop
      rig.headers()
      rig.data('one')
      rig.trailers()
      assert.deepEqual(rig.out, [])
      rig.continue(b)
      assert.deepEqual(rig.out, ['headers', 'one', 'trailers end'])
    })

    it('data stop: those bytes are gone, the next come to the filter again', () => {
      const { b, rig } = setUp()
      b.onData = text => (text === 'drop' ? FilterStop : FilterContinue)
      rig.headers()
      rig.data('one')
      rig.data('drop')
      rig.data('two', true)
      assert.deepEqual(rig.out, ['headers', 'one', 'two.'])
    })

    it('the last bytes dropped: the end still goes on', () => {
      const { b, rig } = setUp()
      b.onData = () => FilterStop
      rig.headers()
      rig.data('drop', true)
      assert.deepEqual(rig.out, ['headers'])
      rig.continue(b)
      assert.deepEqual(rig.out, ['headers', '.'])
    })

    it('several filters wait at once; each lets go of its own part', () => {
      const { a, b, c, rig } = setUp()
      c.onHeaders = () => FilterStopAndWatermark
      a.onData = () => FilterStopAndBuffer
      rig.headers()
      rig.data('one', true)
      assert.deepEqual(c.heard, ['headers'])
      rig.continue(b)
      rig.continue(c)
      assert.deepEqual(rig.out, ['headers'])
      rig.continue(a)
      assert.deepEqual(rig.out, ['headers', 'one.'])
      rig.continue(a)
      rig.continue(c)
      assert.deepEqual(rig.out, ['headers', 'one.'])
    })

    it('a filter that continues twice does not let go of what the next one holds', () => {
      const { a, b, rig } = setUp()
      a.onHeaders = () => FilterStopAndWatermark
      b.onHeaders = () => FilterStopAndWatermark
      rig.headers(true)
      rig.continue(a)
      rig.continue(a)
      assert.deepEqual(b.heard, ['headers.'])
      assert.deepEqual(rig.out, [])
      rig.continue(b)
      assert.deepEqual(rig.out, ['headers.'])
    })

    it('continuing inside the own callback counts as FilterContinue', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => {
        rig.continue(b)
        return FilterStopAndBuffer
      }
      b.onData = text => {
        rig.continue(b)
        return text === 'drop' ? FilterStop : FilterStopAndBuffer
      }
      b.onTrailers = () => {
        rig.continue(b)
        return FilterStop
      }
      rig.headers()
      rig.data('one')
      rig.data('drop')
      rig.trailers()
      assert.deepEqual(rig.out, ['headers', 'one', 'trailers end'])
    })

    it('a filter that continues another inside its callback lets it go first', () => {
      const { a, c, rig } = setUp()
      c.onHeaders = () => FilterStopAndWatermark
      a.onData = () => {
        rig.continue(c)
        return FilterContinue
      }
      rig.headers()
      rig.data('one')
      rig.data('two')
      assert.deepEqual(rig.out, ['headers', 'one', 'two'])
    })

    it('over the limit: StopAndBuffer fails the message', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => FilterStopAndBuffer
      rig.headers()
      rig.data('x'.repeat(100))
      assert.deepEqual(rig.events, [])
      rig.data('y')
      assert.deepEqual(rig.events, ['too large'])
      rig.data('z')
      assert.deepEqual(rig.out, [])
    })

    it('over the limit: StopAndWatermark pauses the source once, and resumes it behind what was held', () => {
      const { b, rig } = setUp()
      b.onData = () => FilterStopAndWatermark
      rig.headers()
      rig.data('x'.repeat(101))
      rig.data('yyy')
      assert.deepEqual(rig.events, ['pause'])
      rig.continue(b)
      assert.deepEqual(rig.events, ['pause', 'resume'])
      assert.deepEqual(rig.out, ['headers', `${'x'.repeat(101)}yyy`])
    })

    it('held bytes can be read and changed', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => FilterStop
      b.onData = (_, endStream) => {
        if (!endStream) return FilterStopAndBuffer
        const held = rig.way.held(b)
        assert.equal(held?.toBuffer().toString('latin1'), 'one')
        held?.clear()
        held?.append(Buffer.from('other-'), 0, 6)
        return FilterContinue
      }
      rig.headers()
      assert.equal(rig.way.held(b), null)
      rig.data('one')
      rig.data('two', true)
      assert.deepEqual(rig.out, ['headers', 'other-two.'])
    })

    it('replaceData: other bytes take the place of the call’s own, or none', () => {
      const { b, c, rig } = setUp()
      b.onData = text => {
        const bytes = Buffer.from(text === 'gone' ? '' : `[${text}]`)
        rig.way.replaceData(bytes, 0, bytes.length)
        return text === 'hold' ? FilterStopAndBuffer : FilterContinue
      }
      rig.headers()
      rig.data('one')
      rig.data('gone')
      rig.data('hold')
      rig.data('two', true)
      assert.deepEqual(c.heard, ['headers', '[one]', '[hold][two].'])
      assert.deepEqual(rig.out, ['headers', '[one]', '[hold][two].'])
    })

    it('replaceData in two filters of one call', () => {
      const { a, b, rig } = setUp()
      for (const filter of [a, b]) {
        filter.onData = text => {
          const bytes = Buffer.from(`(${text})`)
          rig.way.replaceData(bytes, 0, bytes.length)
          return FilterContinue
        }
      }
      rig.headers()
      rig.data('x', true)
      assert.deepEqual(rig.out, ['headers', '((x)).'])
    })

    it('addData to a message that ended with its headers', () => {
      const { a, b, c, rig } = setUp()
      b.onHeaders = () => {
        add(rig, b, 'made')
        return FilterContinue
      }
      rig.headers(true)
      assert.deepEqual(a.heard, ['headers.'])
      assert.deepEqual(b.heard, ['headers.'])
      assert.deepEqual(c.heard, ['headers', 'made.'])
      assert.deepEqual(rig.out, ['headers', 'made.'])
    })

    for (const status of [FilterStop, FilterStopAndBuffer] as const) {
      it(`addData while the headers are held (${status})`, () => {
        const { b, c, rig } = setUp()
        b.onHeaders = () => status
        rig.headers(true)
        add(rig, b, 'one')
        add(rig, b, 'two')
        rig.continue(b)
        assert.deepEqual(b.heard, ['headers.'])
        assert.deepEqual(c.heard, ['headers', 'onetwo.'])
      })
    }

    it('addData in the data and trailers callbacks goes before them', () => {
      const { b, c, rig } = setUp()
      b.onData = () => {
        add(rig, b, 'before-')
        return FilterContinue
      }
      b.onTrailers = trailers => {
        add(rig, b, 'tail')
        trailers.clear()
        return FilterContinue
      }
      rig.headers()
      rig.data('one')
      rig.trailers()
      assert.deepEqual(c.heard, ['headers', 'before-', 'one', 'tail', 'trailers'])
      assert.deepEqual(rig.out, ['headers', 'before-', 'one', 'tail', '.'])
    })

    it('addData in the trailers callback of a filter that holds: behind what it holds', () => {
      const { b, rig } = setUp()
      b.onHeaders = () => FilterStop
      b.onData = () => FilterStopAndBuffer
      b.onTrailers = () => {
        add(rig, b, 'tail')
        return FilterContinue
      }
      rig.headers()
      rig.data('one-')
      rig.trailers()
      assert.deepEqual(rig.out, ['headers', 'one-tail', 'trailers end'])
    })

    it('addTrailers where headers or data carry the end', () => {
      const first = setUp()
      first.b.onHeaders = () => {
        first.rig.way.addTrailers(first.b).append(MARK, 'made')
        return FilterContinue
      }
      first.rig.headers(true)
      assert.deepEqual(first.c.heard, ['headers', 'trailers'])
      assert.deepEqual(first.b.heard, ['headers.'])
      assert.deepEqual(first.rig.out, ['headers', 'trailers made'])

      const second = setUp()
      second.b.onData = (_, endStream) => {
        if (endStream) second.rig.way.addTrailers(second.b).append(MARK, 'made')
        return FilterContinue
      }
      second.rig.headers()
      second.rig.data('one')
      second.rig.data('two', true)
      assert.deepEqual(second.c.heard, ['headers', 'one', 'two', 'trailers'])
      assert.deepEqual(second.rig.out, ['headers', 'one', 'two', 'trailers made'])
    })

    it('addTrailers by a filter before one that waits', () => {
      const { a, c, rig } = setUp()
      c.onHeaders = () => FilterStopAndBuffer
      a.onData = (_, endStream) => {
        if (endStream) rig.way.addTrailers(a).append(MARK, 'made')
        return FilterContinue
      }
      rig.headers()
      rig.data('one', true)
      rig.continue(c)
      assert.deepEqual(c.heard, ['headers', 'one', 'trailers'])
      assert.deepEqual(rig.out, ['headers', 'one', 'trailers made'])
    })

    it('injectData takes held headers along and may end the message', () => {
      const { b, c, rig } = setUp()
      b.onHeaders = () => FilterStop
      b.onData = () => FilterStop
      rig.headers()
      rig.data('raw')
      inject(rig, b, 'one')
      rig.data('raw', true)
      inject(rig, b, 'two', true)
      rig.continue(b)
      assert.deepEqual(b.heard, ['headers', 'raw', 'raw.'])
      assert.deepEqual(c.heard, ['headers', 'one', 'two.'])
      assert.deepEqual(rig.out, ['headers', 'one', 'two.'])
    })

    it('injectData inside callbacks', () => {
      const { b, c, rig } = setUp()
      b.onHeaders = () => {
        inject(rig, b, 'first')
        return FilterContinue
      }
      b.onData = (text, endStream) => {
        inject(rig, b, `${text}!`, endStream)
        return FilterStop
      }
      rig.headers()
      rig.data('one')
      rig.data('two', true)
      assert.deepEqual(c.heard, ['headers', 'first', 'one!', 'two!.'])
      assert.deepEqual(rig.out, ['headers', 'first', 'one!', 'two!.'])
    })

    it('nothing is heard after the stream’s end, whoever ended it', () => {
      const { a, b, rig } = setUp()
      a.onData = () => {
        rig.ended = true
        return FilterContinue
      }
      rig.headers()
      rig.data('one', true)
      rig.continue(a)
      add(rig, a, 'late')
      inject(rig, a, 'late', true)
      assert.deepEqual(b.heard, ['headers'])
      assert.deepEqual(rig.out, ['headers'])
    })

    it('an abandoned message goes no further', () => {
      const { b, c, rig } = setUp()
      b.onHeaders = () => {
        if (request) rig.chain.abandonRequest()
        else rig.chain.abandonResponse()
        return FilterContinue
      }
      rig.headers()
      rig.data('one', true)
      assert.deepEqual(c.heard, [])
      assert.deepEqual(rig.out, [])
    })

    it('every split of a body arrives whole behind a filter that buffers', () => {
      const body = 'abcdef'
      for (let cut = 0; cut <= body.length; cut++) {
        const { b, rig } = setUp()
        b.onHeaders = () => FilterStop
        b.onData = (_, endStream) => (endStream ? FilterContinue : FilterStopAndBuffer)
        rig.headers()
        if (cut > 0) rig.data(body.slice(0, cut))
        rig.data(body.slice(cut), true)
        assert.deepEqual(rig.out, ['headers', 'abcdef.'])
      }
    })
  })
}

describe('a chain of the terminal filter alone', () => {
  it('hands every part on', () => {
    const rig = new Rig(true, [])
    rig.headers()
    rig.data('one')
    rig.trailers()
    assert.deepEqual(rig.out, ['headers', 'one', 'trailers end'])
    const response = new Rig(false, [])
    response.headers()
    response.data('one', true)
    assert.deepEqual(response.out, ['headers', 'one.'])
  })
})
