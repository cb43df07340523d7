// A small OAuth 2.0 authorization server that trusts nobody: codes are good once, with the right client and verifier.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface IssuedTokens {
  readonly access_token?: string
  readonly id_token?: string
  readonly refresh_token?: string
  readonly expires_in?: number | string
}

interface Grant {
  readonly redirectUri: string
  readonly challenge: string
}

export class AuthorizationServer {
  readonly clientId = 'me & you'
  readonly clientSecret = 'what:is/it?'
  /** Of clients that sign instead. */
  clientKey = ''
  issues: IssuedTokens = { access_token: 'access-1', id_token: 'id-1', refresh_token: 'refresh-1', expires_in: 3600 }
  /** Forms that came to the token endpoint. */
  readonly asked: URLSearchParams[] = []
  private readonly server: Server
  private readonly grants = new Map<string, Grant>()

  private constructor(server: Server) {
    this.server = server
    server.on('request', (request, response) => void this.answer(request, response))
  }

  static async start(): Promise<AuthorizationServer> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new AuthorizationServer(server)
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** The user says yes: where his browser is sent. */
  approve(location: string): string {
    const query = new URL(location).searchParams
    const code = `code-${this.grants.size}`
    const redirectUri = query.get('redirect_uri') as string
    this.grants.set(code, { redirectUri, challenge: query.get('code_challenge') as string })
    return `${redirectUri}?code=${code}&state=${query.get('state')}`
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await request.setEncoding('latin1').toArray()
    const form = new URLSearchParams(body.join(''))
    this.asked.push(form)
    const problem = this.problemOf(form)
    response.writeHead(problem === null ? 200 : 400, { 'content-type': 'application/json' })
    response.end(JSON.stringify(problem === null ? this.issues : { error: problem }))
  }

  private problemOf(form: URLSearchParams): string | null {
    if (form.get('client_id') !== this.clientId || !this.isClient(form)) return 'invalid_client'
    if (form.get('grant_type') === 'client_credentials') return null
    if (form.get('grant_type') === 'refresh_token') {
      return form.get('refresh_token') === 'refresh-1' ? null : 'invalid_grant'
    }
    const code = form.get('code') ?? ''
    const grant = this.grants.get(code)
    this.grants.delete(code)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const good = grant?.challenge === challenge && grant.redirectUri === form.get('redirect_uri')
    return good ? null : 'invalid_grant'
  }

  private isClient(form: URLSearchParams): boolean {
    const assertion = form.get('client_assertion')
    if (assertion === null) return form.get('client_secret') === this.clientSecret
    const [header = '', claims = '', signature = ''] = assertion.split('.')
    const key = { key: createPublicKey(this.clientKey), dsaEncoding: 'ieee-p1363' } as const
    const { iss, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iss: string; exp: number }
    const signed = verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))
    return signed && iss === this.clientId && exp * 1000 > Date.now()
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await once(this.server.close(), 'close')
  }
}
