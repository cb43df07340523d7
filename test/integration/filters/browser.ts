// A client that keeps cookies, and does nothing by itself.
import { parseResponses, RawClient, type RawResponse } from '../../harness/index.ts'

export class Browser {
  readonly cookies = new Map<string, string>()
  private readonly host: string
  private readonly port: number

  constructor(port: number, host = 'app.test') {
    this.port = port
    this.host = host
  }

  /** `target`: a path, or a URL of the host. */
  async get(target: string, extra = ''): Promise<RawResponse> {
    const path = target.replace(/^https?:\/\/[^/]*/, '')
    const cookies = Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join('; ')
    using client = await RawClient.connect(this.port)
    const cookie = cookies === '' ? '' : `cookie: ${cookies}\r\n`
    client.send(`GET ${path} HTTP/1.1\r\nhost: ${this.host}\r\n${cookie}${extra}\r\n`)
    await client.until(received => parseResponses(received, ['GET']).length === 1)
    const response = parseResponses(client.received, ['GET'])[0] as RawResponse
    for (const [name, value] of response.headers) if (name === 'set-cookie') this.keep(value)
    return response
  }

  private keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map(part => part.trim())
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals)
    if (attributes.some(attribute => /^expires=Thu, 01 Jan 1970/.test(attribute))) this.cookies.delete(name)
    else this.cookies.set(name, pair.slice(equals + 1))
  }
}

export const headerOf = ({ headers }: RawResponse, wanted: string): string =>
  headers.find(([name]) => name === wanted)?.[1] ?? ''
