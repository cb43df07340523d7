// A file as `htpasswd -s` writes it.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { DataSourceJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { type CompileContext, type ConfigPath, dataSourceText } from '../../../config/index.ts'

const SHA1 = '{SHA}'
const SHA1_BASE64_LENGTH = 28
const NOBODY = Buffer.alloc(20)

export class Users {
  private readonly hashes: ReadonlyMap<string, Buffer>

  constructor(hashes: ReadonlyMap<string, Buffer>) {
    this.hashes = hashes
  }

  /** Both are bytes, one character each. Takes the same time for unknown users. */
  accepts(user: string, password: string): boolean {
    const hash = createHash('sha1').update(password, 'latin1').digest()
    const known = this.hashes.get(user)
    return timingSafeEqual(hash, known ?? NOBODY) && known !== undefined
  }
}

export function compileUsers(source: DataSourceJson, context: CompileContext, path: ConfigPath): Users {
  const hashes = new Map<string, Buffer>()
  const text = dataSourceText(source, context, path) ?? ''
  for (const [i, line] of text.split('\n').entries()) {
    const entry = line.endsWith('\r') ? line.slice(0, -1) : line
    if (entry === '' || entry.startsWith('#')) continue
    const problem = addUser(entry, hashes)
    if (problem !== null) context.diagnostics.error(path, `line ${i + 1} of the users: ${problem}`, EXPECTED)
  }
  return new Users(hashes)
}

const EXPECTED = { expected: 'lines of the form user:{SHA}<28 characters of base64>, as htpasswd -s writes them' }

function addUser(entry: string, hashes: Map<string, Buffer>): string | null {
  const colon = entry.indexOf(':')
  if (colon < 1) return 'there is no user name'
  const name = Buffer.from(entry.slice(0, colon), 'utf8').toString('latin1')
  const hash = entry.slice(colon + 1)
  if (!hash.startsWith(SHA1)) return 'passwords must be hashed with SHA-1'
  if (hash.length !== SHA1.length + SHA1_BASE64_LENGTH) return 'the hash has not the length of a SHA-1'
  if (hashes.has(name)) return `user ${entry.slice(0, colon)} stands there twice`
  hashes.set(name, Buffer.from(hash.slice(SHA1.length), 'base64'))
  return null
}
