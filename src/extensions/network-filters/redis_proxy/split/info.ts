// INFO of many hosts as that of one: what Envoy makes of it.
import { BULK_STRING, bulkString, errorValue, type RespValue, VERBATIM_STRING } from '../../../../net/resp/index.ts'
import { FIELDS, type InfoField } from './info-fields.ts'

const FORMAT_PREFIX = 4
const INT64 = /^\s*[+-]?\d{1,19}\s*$/

class Tally {
  readonly field: InfoField
  text = ''
  value = 0n

  constructor(field: InfoField) {
    this.field = field
    if (field.how === 'constant') this.text = field.of
  }

  take(value: string): void {
    const { how } = this.field
    if (how === 'first') this.text ||= value
    else if (how === 'keyspace') this.text = addKeyspaces(this.text, value)
    else if ((how === 'sum' || how === 'max') && INT64.test(value)) {
      const number = BigInt(value.trim())
      if (how === 'sum') this.value += number
      else if (number > this.value) this.value = number
    }
  }

  /** '': it is left out. */
  shown(tallies: ReadonlyMap<string, Tally>): string {
    const { how, of } = this.field
    if (how === 'human') {
      const { value } = tallies.get(of)!
      return value > 0n ? humanBytes(Number(value)) : ''
    }
    return how === 'sum' || how === 'max' ? String(this.value) : this.text
  }
}

export function aggregateInfo(replies: readonly RespValue[], section: string): RespValue {
  const tallies = new Map(FIELDS.map(field => [field.name, new Tally(field)]))
  const wanted = (name: string): boolean => section === '' || name.toLowerCase() === section
  for (const { type, text } of replies) {
    if (type !== BULK_STRING && type !== VERBATIM_STRING) {
      return errorValue('unexpected response type received from shard')
    }
    readInfo(type === VERBATIM_STRING ? text.slice(FORMAT_PREFIX) : text, wanted, tallies)
  }
  return bulkString(writeInfo(tallies, wanted))
}

function readInfo(text: string, wanted: (section: string) => boolean, tallies: ReadonlyMap<string, Tally>): void {
  let section = ''
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line.startsWith('#')) section = line.slice(1).trimStart()
    else if (line !== '' && wanted(section)) {
      const colon = line.indexOf(':')
      const name = colon < 0 ? line : line.slice(0, colon)
      tallies.get(name)?.take(colon < 0 ? '' : line.slice(colon + 1))
    }
  }
}

function writeInfo(tallies: ReadonlyMap<string, Tally>, wanted: (section: string) => boolean): string {
  let text = ''
  let section = ''
  for (const tally of tallies.values()) {
    const { field } = tally
    const shown = wanted(field.section) ? tally.shown(tallies) : ''
    if (shown === '') continue
    if (field.section !== section) {
      text += `${section === '' ? '' : '\r\n'}# ${field.section}\r\n`
      section = field.section
    }
    text += `${field.name}:${shown}\r\n`
  }
  return text
}

/** 'keys=5,expires=0,avg_ttl=0' of two hosts. */
function addKeyspaces(before: string, value: string): string {
  const [a, b] = [keyspace(before), keyspace(value)]
  return `keys=${a.keys + b.keys},expires=${a.expires + b.expires},avg_ttl=${Math.floor((a.avg_ttl + b.avg_ttl) / 2)}`
}

function keyspace(text: string): { keys: number; expires: number; avg_ttl: number } {
  const found = { keys: 0, expires: 0, avg_ttl: 0 }
  for (const pair of text.split(',')) {
    const [name = '', value = ''] = pair.split('=')
    if (Object.hasOwn(found, name)) found[name as keyof typeof found] = Number(value) || 0
  }
  return found
}

const UNITS = ['B', 'K', 'M', 'G', 'T', 'P']

function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  return `${(bytes / 1024 ** power).toFixed(2)}${UNITS[power]}`
}
