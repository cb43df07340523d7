// Requests that a real Envoy 1.40 has signed are signed alike.
import assert from 'node:assert/strict'
import { createPublicKey, hash, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ConfigPath, Diagnostics } from '../../../config/index.ts'
import {
  deriveKey,
  EMPTY_PAYLOAD,
  HeaderMap,
  HeaderName,
  nameContent,
  type SigningAlgorithm,
  signRequest,
  UNSIGNED_PAYLOAD,
} from '../../../http/index.ts'
import { SigningPlan } from './plan.ts'

interface Recorded {
  readonly about: string
  readonly config: object
  readonly sent: readonly string[]
  readonly body: string
  readonly seen: readonly string[]
}

const FILE = new URL('envoy-signatures.json', import.meta.url)
const recorded = JSON.parse(readFileSync(FILE, 'utf8')) as readonly Recorded[]

function headOf([line = '', ...fields]: readonly string[]): HeaderMap {
  const headers = new HeaderMap()
  const [method = '', path = ''] = line.split(' ')
  headers.method = method
  headers.path = path
  for (const field of fields) {
    const colon = field.indexOf(':')
    const [name, value] = [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
    if (name === 'host') headers.authority = value
    else headers.append(HeaderName.of(name), value)
  }
  return headers
}

/** Lines of a head, in any order. */
function linesOf(headers: HeaderMap): readonly string[] {
  const lines = [`${headers.method} ${headers.path} HTTP/1.1`]
  headers.forEach((name, value) => {
    lines.push(`${name}: ${value}`)
  })
  return lines.sort()
}

function camel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camel)
  if (typeof value !== 'object' || value === null) return value
  const renamed = (key: string): string => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [renamed(key), camel(inner)]))
}

const timeOf = (seen: readonly string[]): number => {
  const [, year, month, day, hour, minute, second] =
    /(?:x-amz-date: |X-Amz-Date=)(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(seen.join('\n')) ?? []
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

const SIGNATURE = /(Signature=)([0-9a-f]+)/
const signatureIn = (lines: readonly string[]): string => SIGNATURE.exec(lines.join('\n'))?.[2] ?? ''

for (const { about, config, sent, body, seen } of recorded) {
  test(`${about}: ${sent[0]}`, () => {
    const diagnostics = new Diagnostics()
    const plan = new SigningPlan(camel(config) as never, '', { diagnostics } as never, ConfigPath.root)
    assert.deepEqual(diagnostics.list, [])
    const headers = headOf(sent)
    headers.append(HeaderName.of('x-forwarded-proto'), 'http')
    if (plan.hostRewrite !== '') headers.authority = plan.hostRewrite
    const payload = body === '' ? EMPTY_PAYLOAD : hash('sha256', body, 'hex')
    const payloadHash = plan.unsignedPayload ? UNSIGNED_PAYLOAD : payload
    if (body === '' || plan.settings.queryExpiresS < 0) nameContent(headers, payloadHash)
    const credentials = plan.credentials.current()
    assert.ok(credentials)
    let signedText = ''
    const { algorithm } = plan.settings
    const listening: SigningAlgorithm = {
      name: algorithm.name,
      hasRegionSet: algorithm.hasRegionSet,
      scopeText: scope => algorithm.scopeText(scope),
      sign: (text, ...rest) => {
        signedText = text
        return algorithm.sign(text, ...rest)
      },
    }
    signRequest(headers, payloadHash, credentials, { ...plan.settings, algorithm: listening }, timeOf(seen))
    const lines = linesOf(headers)
    const expected = [...seen.map(line => line.replace(/^x-a: {2}one/, 'x-a: one'))].sort()
    if (!algorithm.hasRegionSet) {
      assert.deepEqual(lines, expected)
      return
    }
    // Signatures by elliptic curves are drawn by lot: both must hold for the same text and key.
    const blurred = (all: readonly string[]): readonly string[] => all.map(line => line.replace(SIGNATURE, '$1*'))
    assert.deepEqual(blurred(lines), blurred(expected))
    const key = createPublicKey(deriveKey(credentials, algorithm.name))
    for (const signature of [signatureIn(lines), signatureIn(expected)]) {
      assert.ok(verify('sha256', Buffer.from(signedText, 'latin1'), key, Buffer.from(signature, 'hex')))
    }
  })
}
