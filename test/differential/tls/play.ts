// Many handshakes with one proxy: which filter chain each meets by SNI and ALPN, and what of the client's certificate
// reaches the request. Certificates are made anew each time: what depends on them is told by their names.
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import tls from 'node:tls'
import { frame } from '../../../src/http/codec/http2/testing/frames.ts'
import {
  bootstrap,
  freePorts,
  http2Start,
  httpListener,
  ProxyProcess,
  socketAddress,
  TestAuthority,
} from '../../harness/index.ts'
import { answer, downstreamTls, identity, pair, securedListener, tlsInspector } from '../../integration/tls/kit.ts'

const WAIT_MS = 4000
/** The preface, SETTINGS, and a request: GET http://a/. */
const HTTP2_GET = Buffer.concat([http2Start(), frame(1, 5, 1, Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x61]))])

/** By name: the matches of filter chains, in order. */
const CHAINS: Readonly<Record<string, readonly object[]>> = {
  names: [
    { server_names: ['a.test'] },
    { server_names: ['*.a.test'] },
    { server_names: ['*.b.a.test'] },
    { server_names: ['*.test'] },
    {},
  ],
  'names, no default': [{ server_names: ['a.test', '*.c.test'] }, { server_names: ['*.a.test'] }],
  protocols: [
    { application_protocols: ['h2'] },
    { application_protocols: ['http/1.1', 'x'] },
    { transport_protocol: 'tls' },
  ],
  'names and protocols': [
    { server_names: ['a.test'], application_protocols: ['h2'] },
    { server_names: ['a.test'] },
    { application_protocols: ['h2'] },
    { server_names: ['*.a.test'], application_protocols: ['http/1.1'] },
    { server_names: ['*.a.test'], transport_protocol: 'tls' },
  ],
  sources: [
    { server_names: ['a.test'], source_prefix_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] },
    { server_names: ['a.test'], source_prefix_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
    { source_type: 'SAME_IP_OR_LOOPBACK', server_names: ['*.a.test'] },
    { source_type: 'EXTERNAL' },
    { prefix_ranges: [{ address_prefix: '127.0.0.1', prefix_len: 32 }] },
  ],
}
const NAMES = ['', 'a.test', 'A.TEST', 'x.a.test', 'x.b.a.test', 'b.a.test', 'y.test', 'test', 'c.test', 'z.c.test']
const PROTOCOLS = [[], ['h2'], ['http/1.1'], ['x'], ['y'], ['http/1.1', 'h2'], ['x', 'y']]
const MODES = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY']
const DETAILS: Readonly<Record<string, object | null>> = {
  none: null,
  all: { subject: true, cert: true, chain: true, dns: true, uri: true },
  subject: { subject: true },
  chain: { chain: true },
  names: { dns: true, uri: true },
}
const SENT = ['', 'By=x;Hash=abc', 'a,b']

/** Titles -> what was seen. */
export type Seen = Record<string, string>

/** The chain that answers a request and the protocol that was agreed, or the body. */
async function ask(port: number, options: tls.ConnectionOptions, field = ''): Promise<string> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  let text = ''
  socket.on('error', () => undefined).setEncoding('latin1')
  socket.on('data', data => {
    text += data
    if (text.includes('chain ')) socket.end()
  })
  socket.on('secureConnect', () => {
    if (socket.alpnProtocol === 'h2') socket.write(HTTP2_GET)
    else socket.write(`GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${field}\r\n`)
  })
  const given = new AbortController()
  await Promise.race([once(socket, 'close'), delay(WAIT_MS, null, { signal: given.signal })]).catch(() => null)
  given.abort()
  const { alpnProtocol } = socket
  socket.destroy()
  const chain = /chain (\d)/.exec(text)?.[1]
  if (chain !== undefined) return `${chain} ${alpnProtocol || '-'}`
  return text.split('\r\n\r\n')[1] ?? 'refused'
}

function chainsListener(name: string, port: number, certificate: object): object {
  const chains = (CHAINS[name] as readonly object[]).map((match, i) => {
    const plain = httpListener({ port, routes: [answer(`chain ${i}`)] }) as { filter_chains: object[] }
    const context = { common_tls_context: { tls_certificates: [certificate], alpn_protocols: ['h2', 'http/1.1', 'x'] } }
    return { ...plain.filter_chains[0], filter_chain_match: match, transport_socket: downstreamTls(context) }
  })
  return { name, address: socketAddress(port), listener_filters: [tlsInspector], filter_chains: chains }
}

/** Answers with the request's x-forwarded-client-cert. */
function identityListener(port: number, mode: string, details: object | null, ca: string, certificate: object): object {
  const validation_context = { trusted_ca: { filename: ca } }
  return securedListener({
    port,
    tls: downstreamTls({ common_tls_context: { tls_certificates: [certificate], validation_context } }),
    routes: [answer('ok')],
    hcm: {
      forward_client_cert_details: mode,
      ...(details === null ? {} : { set_current_client_cert_details: details }),
      local_reply_config: { body_format: { text_format_source: { inline_string: '%REQ(X-FORWARDED-CLIENT-CERT)%' } } },
    },
  })
}

export async function playTls(): Promise<Seen> {
  using authority = new TestAuthority()
  const server = authority.issue('server.test')
  const clients = {
    full: authority.issue('full', {
      subject: '/C=US/O=a\\, "b"/CN=good;x',
      sans: 'DNS:good.test,DNS:alt.test,URI:spiffe://t.test/a,URI:http://u.test/x?y=1,email:a@b.test',
    }),
    plain: authority.issue('plain', { sans: null }),
  }
  const masks = Object.entries(clients).map(([name, { cert }]) => [name, masksOf(cert)] as const)
  const masked = (text: string): string =>
    masks.reduce(
      (shown, [name, { hash, pem }]) => shown.replaceAll(hash, `{hash of ${name}}`).replaceAll(pem, `{${name}}`),
      text,
    )
  const certificate = pair(server)
  const names = Object.keys(CHAINS)
  const forms = MODES.flatMap(mode => Object.keys(DETAILS).map(detail => ({ mode, detail })))
  const ports = await freePorts(names.length + forms.length)
  const listeners = [
    ...names.map((name, i) => chainsListener(name, ports[i]!, certificate)),
    ...forms.map(({ mode, detail }, i) =>
      identityListener(ports[names.length + i]!, mode, DETAILS[detail]!, authority.ca, certificate),
    ),
  ]
  await using _proxy = await ProxyProcess.start(bootstrap(listeners, []))
  const seen: Seen = {}
  for (const [i, name] of names.entries()) {
    for (const servername of NAMES) {
      const answers = await Promise.all(
        PROTOCOLS.map(list => ask(ports[i]!, { servername, ...(list.length === 0 ? {} : { ALPNProtocols: list }) })),
      )
      seen[`${name}: ${servername || 'no name'}`] = answers.join(', ')
    }
  }
  for (const [i, { mode, detail }] of forms.entries()) {
    for (const [client, files] of [...Object.entries(clients), ['nobody', null] as const]) {
      const options = files === null ? {} : identity(files)
      const asked = SENT.map(sent =>
        ask(ports[names.length + i]!, options, sent === '' ? '' : `x-forwarded-client-cert: ${sent}\r\n`),
      )
      seen[`${mode}, ${detail}: ${client}`] = masked((await Promise.all(asked)).join(' | '))
    }
  }
  return seen
}

function masksOf(file: string): { readonly hash: string; readonly pem: string } {
  const [first = ''] = readFileSync(file, 'latin1').split(/(?<=-----END CERTIFICATE-----\n)/)
  const { raw } = new X509Certificate(first)
  return { hash: createHash('sha256').update(raw).digest('hex'), pem: encodeURIComponent(first) }
}
