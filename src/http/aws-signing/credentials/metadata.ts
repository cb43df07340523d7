// Credentials of a container or an instance, from the metadata services of AWS: plain HTTP on the host itself.
import { readFileSync } from 'node:fs'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { log } from '../../../observability/index.ts'
import type { AwsCredentials } from '../algorithms.ts'
import type { CredentialSource, CredentialWaiter } from './source.ts'

const TIMEOUT_MS = 5000
const LARGEST_ANSWER = 64 * 1024
const REFRESH_MS = 3_600_000
/** New ones are fetched so long before the old ones end. */
const AHEAD_MS = 60_000
const RETRY_MS = 30_000

/** The body of a 200; anything else is an error. */
function ask(url: string, method: string, headers: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { method, headers, timeout: TIMEOUT_MS, signal: AbortSignal.timeout(TIMEOUT_MS) }
    const asked = request(url, options, (answer: IncomingMessage) => {
      let body = ''
      answer.setEncoding('utf8')
      answer.on('data', (text: string) => {
        body += text
        if (body.length > LARGEST_ANSWER) answer.destroy(new Error('the answer is too long'))
      })
      answer.on('error', reject)
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(body)
        else reject(new Error(`answered ${answer.statusCode}`))
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

interface Fetched {
  readonly credentials: AwsCredentials
  /** NaN: unknown. */
  readonly expiresMs: number
}

function readAnswer(body: string): Fetched {
  const json = JSON.parse(body) as Record<string, unknown> | null
  const text = (name: string): string => (typeof json?.[name] === 'string' ? (json[name] as string) : '')
  const accessKeyId = text('AccessKeyId')
  const secretAccessKey = text('SecretAccessKey')
  if (accessKeyId === '' || secretAccessKey === '') throw new Error('the answer holds no credentials')
  return {
    credentials: { accessKeyId, secretAccessKey, sessionToken: text('Token') },
    expiresMs: Date.parse(text('Expiration')),
  }
}

/** Of the role that an instance has; by a token where the service gives one. */
export async function instanceCredentials(service = 'http://169.254.169.254'): Promise<Fetched> {
  const asksForToken = ask(`${service}/latest/api/token`, 'PUT', { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' })
  // Older services have no tokens.
  const token = await asksForToken.catch(() => '')
  const headers: Record<string, string> = token === '' ? {} : { 'x-aws-ec2-metadata-token': token }
  const roles = `${service}/latest/meta-data/iam/security-credentials`
  const [role = ''] = (await ask(roles, 'GET', headers)).split('\n')
  return readAnswer(await ask(`${roles}/${encodeURIComponent(role.trim())}`, 'GET', headers))
}

/** Of a container's task or pod; null where the environment names no service. */
export function containerCredentials(): (() => Promise<Fetched>) | null {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = process.env
  const url = relative ? `http://169.254.170.2${relative}` : full
  if (!url) return null
  return async () => {
    const file = process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE']
    const token = file ? readFileSync(file, 'utf8').trim() : process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN']
    return readAnswer(await ask(url, 'GET', token ? { authorization: token } : {}))
  }
}

/** Fetched when the thread begins, and again when they are used and soon end. */
export class FetchedCredentials implements CredentialSource {
  private readonly what: string
  private readonly fetch: () => Promise<Fetched>
  private readonly now: () => number
  private readonly waiting = new Set<CredentialWaiter>()
  private known: AwsCredentials | null | undefined = undefined
  private fetching = false
  private refreshMs = Number.NEGATIVE_INFINITY
  private expiresMs = Number.POSITIVE_INFINITY

  constructor(what: string, fetch: () => Promise<Fetched>, now: () => number = Date.now) {
    this.what = what
    this.fetch = fetch
    this.now = now
  }

  start(): void {
    this.current()
  }

  current(): AwsCredentials | null | undefined {
    const now = this.now()
    if (now >= this.refreshMs && !this.fetching) this.refresh()
    return now < this.expiresMs ? this.known : undefined
  }

  wait(waiter: CredentialWaiter): void {
    this.waiting.add(waiter)
  }

  forget(waiter: CredentialWaiter): void {
    this.waiting.delete(waiter)
  }

  private refresh(): void {
    this.fetching = true
    this.fetch().then(
      ({ credentials, expiresMs }) => {
        this.expiresMs = Number.isNaN(expiresMs) ? Number.POSITIVE_INFINITY : expiresMs
        const aheadMs = Math.max(this.expiresMs - AHEAD_MS, this.now() + RETRY_MS)
        this.settle(credentials, Math.min(aheadMs, this.now() + REFRESH_MS))
      },
      error => {
        log('aws').warn(`no credentials from the ${this.what} metadata service`, { error: String(error) })
        // What is there serves until its end.
        const ended = this.now() >= this.expiresMs
        if (ended) this.expiresMs = Number.POSITIVE_INFINITY
        this.settle(ended ? null : (this.known ?? null), this.now() + RETRY_MS)
      },
    )
  }

  private settle(known: AwsCredentials | null, refreshMs: number): void {
    this.known = known
    this.refreshMs = refreshMs
    this.fetching = false
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const waiter of waiting) waiter.onCredentials()
  }
}
