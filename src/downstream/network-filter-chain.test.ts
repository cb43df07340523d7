import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  type Connection,
  Continue,
  type FilterStatus,
  type NetworkFilter,
  type NetworkFilterCallbacks,
  StopIteration,
} from '../net/index.ts'
import { connectedPair, testThread } from '../net/testing.ts'
import { StreamInfo } from '../observability/index.ts'
import { NetworkFilterChain } from './network-filter-chain.ts'

/** Notes what reaches it and answers as it is told. */
class NotingFilter implements NetworkFilter {
  readonly seen: string[] = []
  callbacks: NetworkFilterCallbacks = null as never
  onOpen: FilterStatus = Continue
  onBytes: FilterStatus = Continue

  initialize(callbacks: NetworkFilterCallbacks): void {
    this.callbacks = callbacks
  }

  onNewConnection(): FilterStatus {
    this.seen.push('open')
    return this.onOpen
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): FilterStatus {
    this.seen.push(data.latin1Slice(start, end) + (endStream ? '.' : ''))
    return this.onBytes
  }

  onClose(): void {
    this.seen.push('close')
  }
}

const nobody = { onData: () => {}, onEnd: () => {}, onConnected: () => {}, onClose: () => {} }
const closings: (() => void)[] = []
after(() => {
  for (const close of closings) close()
})

interface Setup {
  chain: NetworkFilterChain
  connection: Connection
  filters: NotingFilter[]
}

async function setup(count: number, bufferLimitBytes = 0): Promise<Setup> {
  const pair = await connectedPair(testThread(), nobody, nobody)
  closings.push(pair.close)
  const filters = Array.from({ length: count }, () => new NotingFilter())
  const plans = filters.map((filter, i) => ({ terminal: i === count - 1, create: () => filter }))
  const info = new StreamInfo({} as never, 0)
  const owner = { statPrefix: 'listener.x.', onChainClosed: () => {} }
  const chain = new NetworkFilterChain(owner, pair.downstream, info, plans, bufferLimitBytes)
  return { chain, connection: pair.downstream, filters }
}

function feed(chain: NetworkFilterChain, text: string): void {
  const bytes = Buffer.from(text, 'latin1')
  chain.onData(bytes, 0, bytes.length)
  // What a filter holds must be its own: the read buffer is used again.
  bytes.fill('?')
}

test('bytes pass all filters in order', async () => {
  const { chain, filters } = await setup(2)
  chain.open()
  feed(chain, 'ab')
  chain.onEnd()
  chain.onClose('remote')
  for (const { seen } of filters) assert.deepEqual(seen, ['open', 'ab', '.', 'close'])
})

test('a filter that stops keeps the rest of the chain waiting, with all bytes and the end', async () => {
  const {
    chain,
    filters: [first, second, third],
  } = (await setup(3)) as Setup & { filters: [NotingFilter, NotingFilter, NotingFilter] }
  second.onBytes = StopIteration
  chain.open()
  feed(chain, 'ab')
  feed(chain, 'cd')
  chain.onEnd()
  assert.deepEqual(first.seen, ['open', 'ab', 'cd', '.'])
  assert.deepEqual(second.seen, ['open', 'ab', 'cd', '.'])
  assert.deepEqual(third.seen, ['open'])
  second.callbacks.continueReading()
  assert.deepEqual(third.seen, ['open', 'abcd.'])
})

test('a filter that stops at the start keeps later filters closed', async () => {
  const {
    chain,
    filters: [first, second],
  } = (await setup(2)) as Setup & { filters: [NotingFilter, NotingFilter] }
  first.onOpen = StopIteration
  first.onBytes = StopIteration
  chain.open()
  feed(chain, 'ab')
  assert.deepEqual(second.seen, [])
  first.callbacks.continueReading()
  assert.deepEqual(second.seen, ['open', 'ab'])
})

test('held bytes go in front of those that come after', async () => {
  const {
    chain,
    filters: [first, second],
  } = (await setup(2)) as Setup & { filters: [NotingFilter, NotingFilter] }
  first.onBytes = StopIteration
  chain.open()
  feed(chain, 'ab')
  first.onBytes = Continue
  feed(chain, 'cd')
  assert.deepEqual(second.seen, ['open', 'abcd'])
})

test('beyond the buffer limit a waiting chain stops reading', async () => {
  const {
    chain,
    connection,
    filters: [first, second],
  } = (await setup(2, 3)) as Setup & { filters: [NotingFilter, NotingFilter] }
  first.onBytes = StopIteration
  chain.open()
  feed(chain, 'abc')
  assert.equal(connection.readDisabled, false)
  feed(chain, 'd')
  assert.equal(connection.readDisabled, true)
  first.callbacks.continueReading()
  assert.equal(connection.readDisabled, false)
  assert.deepEqual(second.seen, ['open', 'abcd'])
})

test('a chain without filters closes', async () => {
  const { chain, connection } = await setup(0)
  chain.open()
  assert.equal(connection.closing, true)
})
