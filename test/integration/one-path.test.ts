// Route, RBAC, ext_authz and the origin see one and the same path and the same headers, whatever the client plays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  type RawRequest,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const HTTP = 'type.googleapis.com/envoy.extensions.filters.http'
const ROUTER = { name: 'router', typed_config: { '@type': `${HTTP}.router.v3.Router` } }
const PATHS = [
  '/a/../admin',
  '//admin',
  '/a//admin',
  '/%61dmin',
  '/a%2f..%2fadmin',
  '/a%5c..%5cadmin',
  '/a\\..\\admin',
  '/admin;x=y',
  '/..;/admin',
  '/admin%00',
  '/%252e%252e/admin',
  '/admin#x',
  '/admin/.',
  '/admin/%2e%2e/b',
  '/ADMIN',
  '/adm%C4%B1n?x=/admin',
]
const SETTINGS: Readonly<Record<string, object>> = {
  'as it came': {},
  normalised: { normalize_path: true, merge_slashes: true },
  unescaped: { normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD' },
}
const POWERS = ['admin', 'user']

const withoutQuery = (path: string): string => path.split('?')[0] as string

const extAuthz = {
  name: 'ext_authz',
  typed_config: {
    '@type': `${HTTP}.ext_authz.v3.ExtAuthz`,
    http_service: {
      server_uri: { uri: 'http://authz.test', cluster: 'authz', timeout: '5s' },
      authorization_request: { allowed_headers: { patterns: [{ exact: 'role' }] } },
    },
  },
}

/** Denies where the request's path is exactly one of those that a header names by their place in the list. */
const rbac = (paths: readonly string[]): object => ({
  name: 'rbac',
  typed_config: {
    '@type': `${HTTP}.rbac.v3.RBAC`,
    rules: {
      action: 'DENY',
      policies: Object.fromEntries([
        ...paths.map((path, i) => [
          `path${i}`,
          {
            permissions: [
              {
                and_rules: {
                  rules: [
                    { header: { name: 'x-deny', string_match: { exact: String(i) } } },
                    { url_path: { path: { exact: withoutQuery(path) } } },
                  ],
                },
              },
            ],
            principals: [{ any: true }],
          },
        ]),
        [
          'role',
          {
            permissions: [{ header: { name: 'role', string_match: { exact: 'admin' } } }],
            principals: [{ any: true }],
          },
        ],
      ]),
    },
  },
})

/** Routes that answer with 201 where the request's path is exactly the one that a header names. */
const routesFor = (paths: readonly string[]): readonly object[] => [
  ...paths.map((path, i) => ({
    match: { path: withoutQuery(path), headers: [{ name: 'x-route', string_match: { exact: String(i) } }] },
    direct_response: { status: 201 },
  })),
  {
    match: { prefix: '/', headers: [{ name: 'role', string_match: { exact: 'admin' } }] },
    direct_response: { status: 202 },
  },
  { match: { prefix: '/' }, route: { cluster: 'origin' } },
]

async function recording(): Promise<{ origin: ScriptedOrigin; requests: RawRequest[] }> {
  const requests: RawRequest[] = []
  const origin = await ScriptedOrigin.start(
    answering(request => {
      requests.push(request)
      return 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
    }),
  )
  return { origin, requests }
}

async function ask(port: number, path: string, ...lines: readonly string[]): Promise<number> {
  const head = [`GET ${path} HTTP/1.1`, 'host: svc.test', 'connection: close', ...lines]
  const answer = await exchange(port, `${head.join('\r\n')}\r\n\r\n`)
  return parseResponses(answer, ['GET'])[0]?.status ?? 0
}

for (const [name, hcm] of Object.entries(SETTINGS)) {
  test(`paths ${name}`, async t => {
    const { origin, requests } = await recording()
    const { origin: authz, requests: asked } = await recording()
    const clusters = [staticCluster('origin', origin.port), staticCluster('authz', authz.port)]
    const [first, second] = (await freePorts(2)) as [number, number]
    const plain = await ProxyProcess.start(
      bootstrap([httpListener({ port: first, hcm: { ...hcm, http_filters: [extAuthz, ROUTER] } })], clusters),
    )
    t.after(() => Promise.all([origin.close(), authz.close()]))
    // What the origin got is what everybody must have seen; what it did not get was refused.
    const seen: { readonly sent: string; readonly path: string }[] = []
    for (const sent of PATHS) {
      requests.length = asked.length = 0
      const status = await ask(first, sent)
      assert.deepEqual(
        asked.map(({ target }) => target),
        requests.map(({ target }) => target),
        sent,
      )
      const [request] = requests
      if (request === undefined) assert.equal(status, 400, sent)
      else seen.push({ sent, path: request.target })
    }
    await plain.stop()
    const paths = seen.map(({ path }) => path)
    const judging = await ProxyProcess.start(
      bootstrap(
        [
          httpListener({
            port: second,
            routes: routesFor(paths),
            hcm: { ...hcm, http_filters: [rbac(paths), extAuthz, ROUTER] },
          }),
        ],
        clusters,
      ),
    )
    for (const [i, { sent }] of seen.entries()) {
      assert.equal(await ask(second, sent, `x-deny: ${i}`), 403, `RBAC sees another path than the origin: ${sent}`)
      assert.equal(
        await ask(second, sent, `x-route: ${i}`),
        201,
        `the route sees another path than the origin: ${sent}`,
      )
    }
    // Each value of a repeated header is looked at by RBAC and routes; authorization and origin get all of them.
    for (const roles of [POWERS, [...POWERS].reverse()]) {
      assert.equal(await ask(second, '/x', ...roles.map(role => `role: ${role}`)), 403)
    }
    requests.length = asked.length = 0
    assert.equal(await ask(second, '/x', 'role: user', 'role: guest', 'x-a: __proto__', '__proto__: 1'), 200)
    const values = (list: readonly RawRequest[]): readonly string[] =>
      list.flatMap(({ headers }) => headers.filter(([header]) => header === 'role').map(([, value]) => value))
    assert.deepEqual(values(requests), ['user', 'guest'])
    assert.deepEqual(values(asked).join(',').split(','), ['user', 'guest'])
    await judging.stop()
  })
}
