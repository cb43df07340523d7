import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { INSTALLATION } from '../../base/index.ts'
import { EnumSchema, type FieldRow, MessageSchema } from './message-schema.ts'

/** Where `npm ci` writes the table, and where the package carries it: beside src/ and dist/ alike. */
const TABLE_FILE = new URL('gen/schema.json', INSTALLATION)

interface MessageRow {
  readonly fields: readonly FieldRow[]
  readonly required?: readonly string[]
  readonly unchecked?: true
}

interface EnumRow {
  readonly enum: Readonly<Record<string, number>>
}

/**
 * The messages and enums of the Envoy API. The file is JSON with one type per line; a line is parsed when its type is
 * first asked for, because a small bootstrap meets 30 of 1,300 types.
 */
export class SchemaTable {
  private readonly lines = new Map<string, string>()
  private readonly messages = new Map<string, MessageSchema>()
  private readonly enums = new Map<string, EnumSchema>()

  constructor(text: string) {
    let start = text.indexOf('\n') + 1
    while (start > 0 && text[start] === '"') {
      const nameEnd = text.indexOf('"', start + 1)
      let end = text.indexOf('\n', nameEnd)
      if (end < 0) end = text.length
      this.lines.set(text.slice(start + 1, nameEnd), text.slice(nameEnd + 2, text[end - 1] === ',' ? end - 1 : end))
      start = end + 1
    }
  }

  /** Names of all messages and enums. */
  typeNames(): Iterable<string> {
    return this.lines.keys()
  }

  message(name: string): MessageSchema | undefined {
    const known = this.messages.get(name)
    if (known !== undefined) return known
    const line = this.lines.get(name)
    if (line === undefined || line.startsWith('{"enum"')) return undefined
    const row = JSON.parse(line) as MessageRow
    const schema = new MessageSchema(name, row.fields, row.required ?? [], row.unchecked === true)
    this.messages.set(name, schema)
    return schema
  }

  enum(name: string): EnumSchema {
    let known = this.enums.get(name)
    if (known === undefined) {
      known = new EnumSchema(name, (JSON.parse(this.lines.get(name)!) as EnumRow).enum)
      this.enums.set(name, known)
    }
    return known
  }
}

let shared: SchemaTable | undefined

/** The table of this installation, read once per thread. */
export function schemaTable(): SchemaTable {
  if (shared !== undefined) return shared
  try {
    shared = new SchemaTable(readFileSync(TABLE_FILE, 'utf8'))
  } catch (error) {
    throw new Error(`${fileURLToPath(TABLE_FILE)} is missing: run npm ci`, { cause: error })
  }
  return shared
}
