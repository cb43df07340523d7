// What replies of all hosts become, by command.
import {
  ARRAY,
  array,
  ERROR,
  encodeValue,
  errorValue,
  INTEGER,
  integer,
  MAP,
  type RespValue,
  SET,
} from '../../../../net/resp/index.ts'
import { aggregateInfo } from './info.ts'

export type Aggregate = (replies: readonly RespValue[]) => RespValue

/** The first error is everybody's. */
const unlessError =
  (aggregate: Aggregate): Aggregate =>
  replies =>
    replies.find(({ type }) => type === ERROR) ?? aggregate(replies)

const same: Aggregate = replies => {
  const [first = ''] = replies.map(reply => encodeValue(reply, 3))
  return replies.every(reply => encodeValue(reply, 3) === first) ? replies[0]! : errorValue('all responses not same')
}

const sum: Aggregate = replies => {
  let total = 0n
  for (const { type, text } of replies) {
    if (type !== INTEGER) return errorValue('non-integer response received from shard')
    if (text.startsWith('-')) return errorValue('negative value received from upstream')
    total += BigInt(text)
  }
  return integer(total)
}

const LISTS: ReadonlySet<number> = new Set([ARRAY, SET, MAP])
const NO_ARRAY = 'non-array response received from shard'

const merged: Aggregate = replies => {
  if (replies.some(({ type }) => !LISTS.has(type))) return errorValue(NO_ARRAY)
  return array(replies.flatMap(({ items }) => items ?? []))
}

const listed: Aggregate = replies =>
  replies.some(({ type }) => type !== ARRAY) ? errorValue(NO_ARRAY) : array(replies)

/** SCAN: unlike the others it tells only how many hosts did not do. */
const scanned: Aggregate = replies => {
  const errors = replies.filter(({ type }) => type !== ARRAY).length
  return errors > 0
    ? errorValue(`finished with ${errors} error(s)`)
    : array(replies.flatMap(({ items }) => items ?? []))
}

const BY_COMMAND: ReadonlyMap<string, Aggregate> = new Map([
  ['script', unlessError(same)],
  ['flushall', unlessError(same)],
  ['flushdb', unlessError(same)],
  ['select', unlessError(same)],
  ['config set', unlessError(same)],
  ['config rewrite', unlessError(same)],
  ['config resetstat', unlessError(same)],
  ['config get', unlessError(merged)],
  ['slowlog reset', unlessError(same)],
  ['slowlog len', unlessError(sum)],
  ['slowlog get', unlessError(merged)],
  ['keys', unlessError(merged)],
  ['role', unlessError(listed)],
  ['scan', scanned],
])

/** Null: what would come of it is not known. */
export function aggregateOf(command: string, subcommand: string): Aggregate | null {
  if (command === 'info') return unlessError(replies => aggregateInfo(replies, subcommand))
  return BY_COMMAND.get(`${command} ${subcommand}`) ?? BY_COMMAND.get(command) ?? null
}
