// Lua scripts that run away, fill the memory, fail or outlive their request: what they do to others.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  parseRequests,
  parseResponses,
  RawClient,
  type RawResponse,
  ScriptedOrigin,
  staticCluster,
} from '../../harness/index.ts'

/** Modules that scripts require. */
const MODULES = mkdtempSync(join(tmpdir(), 'lua-'))
mkdirSync(join(MODULES, 'lib'))
writeFileSync(
  join(MODULES, 'lib', 'names.lua'),
  'local M = {loads = (LOADS or 0) + 1} LOADS = M.loads\nfunction M.half(n) return n / 2 end\nreturn M',
)
writeFileSync(join(MODULES, 'broken.lua'), 'return (')

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http'
const router = { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.router.v3.Router` } }
const lua = (source: string): object => ({
  name: 'envoy.filters.http.lua',
  typed_config: { '@type': `${TYPE}.lua.v3.Lua`, default_source_code: { inline_string: source } },
})

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const signature = sign('sha256', Buffer.from('signed text'), privateKey)
/** Bytes as a Lua literal. */
const literal = (bytes: Buffer): string => `"${[...bytes].map(byte => `\\${String(byte).padStart(3, '0')}`).join('')}"`

const SCRIPTS = {
  crypto: `
    local der = ${literal(publicKey.export({ format: 'der', type: 'spki' }))}
    local signature = ${literal(signature)}
    function envoy_on_request(handle)
      local key = handle:importPublicKey(der, #der):get()
      local function verify(hash, text) return handle:verifySignature(hash, key, signature, #signature, text, #text) end
      local right, none = verify("SHA256", "signed text")
      local wrong, why = verify("sha256", "other text")
      local odd, what = verify("md5", "signed text")
      local ok, message = pcall(handle.verifySignature, handle, "sha256", "no key", signature, 1, "x", 1)
      handle:headers():add("x-found", table.concat({ tostring(right), tostring(none), tostring(wrong), why, tostring(odd), what,
        (message:gsub(".*%d: ", "")) }, "|"))
    end`,
  runaway: `
    function envoy_on_request(handle)
      handle:headers():add("x-script", "ran")
      local how = handle:headers():get("x-how")
      if how == "loop" then while true do end end
      if how == "caught" then while true do pcall(function() while true do end end) end end
      if how == "coroutine" then coroutine.wrap(function() while true do end end)() end
      if how == "sort" then table.sort({1, 2, 3}, function() while true do end end) end
      if how == "gsub" then string.gsub("abc", ".", function() while true do end end) end
      if how == "recursion" then local function f() return 1 + f() end f() end
      if how == "rep" then string.rep("", 1e18) end
      if how == "pattern" then string.find(("a"):rep(60), ("a?"):rep(60) .. ("a"):rep(60) .. "b") end
    end`,
  memory: `
    kept = {}
    function envoy_on_request(handle)
      handle:headers():add("x-script", "ran " .. #kept)
      local how = handle:headers():get("x-how")
      if how == "concat" then local s = "x" while true do s = s .. s end end
      if how == "table" then local t = {} while true do t[#t + 1] = {} end end
      if how == "rep" then string.rep("x", 1e9) end
      if how == "caught" then
        local ok, why = pcall(string.rep, "x", 1e9)
        handle:headers():add("x-why", why)
      end
      -- In few and large steps: on a busy machine the time of a run must not be over before its memory is.
      if how == "kept" then while true do kept[#kept + 1] = ("x"):rep(4000000 + #kept) end end
    end`,
  stale: `
    function envoy_on_request(handle)
      local before = saved
      saved = handle
      if before then
        local ok, why = pcall(function() return before:headers() end)
        handle:headers():add("x-stale", tostring(ok) .. " " .. tostring(why):gsub(".*%d: ", ""))
      end
      if handle:headers():get("x-how") == "wait" then handle:body() end
      if handle:headers():get("x-how") == "inner" then
        local ok, why = pcall(coroutine.wrap(function() handle:body() end))
        handle:headers():add("x-inner", (tostring(why):gsub(".*%d: ", "")))
      end
    end`,
  injection: `
    function envoy_on_request(handle)
      local function try(f) local ok, why = pcall(f) return (tostring(why):gsub(".*%d: ", "")) end
      local h = handle:headers()
      local found = {
        try(function() h:add("x-a", "1\\r\\nx-evil: 1") end), try(function() h:add("x a", "1") end),
        try(function() h:replace("x-n", "a\\0b") end), try(function() h:replace(":method", "G ET") end),
        try(function() h:add("", "1") end), try(function() h:replace(":status", "200") end),
        try(function() h:remove(":path") end), try(function() h:add(":nosuch", "1") end),
        try(function() handle:respond({[":status"] = "200", ["x-a"] = "1\\nb"}) end),
        try(function() handle:respond({[":status"] = "200", ["bad name"] = "1"}) end),
        try(function() handle:streamInfo():dynamicMetadata():set("a", "b", print) end),
        try(function() local t = {} t.t = t handle:streamInfo():dynamicMetadata():set("a", "b", t) end),
        try(function() setmetatable({}, {__gc = print}) end), try(function() require("ffi") end),
        try(function() h:add("Transfer-Encoding", "chunked") end),
        try(function() h:replace(":path", "/a HTTP/1.1") end), try(function() h:replace(":authority", "a b") end),
        try(function() getmetatable(handle).__index = nil end), try(function() handle.body = nil end),
      }
      h:add("x-count", #found)
      h:add("x-found", table.concat(found, "|"))
      h:add("x-absent", tostring(io) .. tostring(os.execute) .. tostring(debug.sethook) .. tostring(dofile))
    end`,
  modules: `
    package.path = package.path .. ";${MODULES}/?.lua"
    local names = require("lib.names")
    function envoy_on_request(handle)
      local _, why = pcall(require, "broken")
      handle:headers():add("x-half", names.half(7) .. " " .. tostring(require("lib.names") == names) .. " " .. names.loads)
      handle:headers():add("x-broken", (tostring(why):gsub("^.*/", "")))
    end`,
  late: `
    function envoy_on_response(handle)
      handle:httpCall("origin", {[":method"] = "GET", [":path"] = "/log", [":authority"] = "log.test"}, nil, 1000, true)
      handle:headers():add("x-sent", "yes")
    end`,
  slow: `
    function envoy_on_request(handle)
      local headers, body = handle:httpCall("silent", {[":method"] = "GET", [":path"] = "/", [":authority"] = "s.test"}, nil, 300)
      handle:headers():add("x-call", headers[":status"] .. " " .. tostring(body))
    end`,
} as const
type Name = keyof typeof SCRIPTS

let origin: ScriptedOrigin
let silent: ScriptedOrigin
let proxy: ProxyProcess
const ports = new Map<string, number>()

before(async () => {
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  silent = await ScriptedOrigin.start(() => {})
  const names = Object.keys(SCRIPTS) as Name[]
  const free = await freePorts(names.length)
  names.forEach((name, i) => {
    ports.set(name, free[i] as number)
  })
  const listeners = names.map((name, i) =>
    httpListener({ port: free[i] as number, hcm: { stat_prefix: name, http_filters: [lua(SCRIPTS[name]), router] } }),
  )
  proxy = await ProxyProcess.start(
    bootstrap(listeners, [staticCluster('origin', origin.port), staticCluster('silent', silent.port)]),
  )
})

after(async () => {
  await proxy.stop()
  await origin.close()
  await silent.close()
  rmSync(MODULES, { recursive: true })
})

/** The answer, and the request as the origin saw it. */
async function get(name: Name, how = ''): Promise<{ response: RawResponse; seen: ReadonlyMap<string, string> }> {
  origin.reset()
  using client = await RawClient.connect(ports.get(name) as number)
  client.send(`GET / HTTP/1.1\r\nhost: a.test\r\nx-how: ${how}\r\n\r\n`)
  await client.until(received => parseResponses(received, ['GET']).length === 1)
  const [request] = parseRequests(origin.received)
  return { response: parseResponses(client.received, ['GET'])[0] as RawResponse, seen: new Map(request?.headers ?? []) }
}

const errors = async (name: Name): Promise<number> =>
  (await proxy.stats(`http.${name}.lua.errors`)).get(`http.${name}.lua.errors`) ?? 0

for (const how of ['loop', 'caught', 'coroutine', 'sort', 'gsub', 'recursion', 'pattern']) {
  test(`a script that runs away is stopped, and its request goes on: ${how}`, async () => {
    const failed = await errors('runaway')
    const { response, seen } = await get('runaway', how)
    assert.equal(response.status, 200)
    assert.equal(seen.get('x-script'), 'ran')
    assert.equal(await errors('runaway'), failed + 1)
    assert.equal((await get('runaway')).seen.get('x-script'), 'ran')
  })
}

test('a loop over nothing ends', async () => {
  assert.equal((await get('runaway', 'rep')).response.status, 200)
})

for (const how of ['concat', 'table', 'rep']) {
  test(`a script without an end to its memory fails, and the next request has all of it: ${how}`, async () => {
    const failed = await errors('memory')
    assert.equal((await get('memory', how)).response.status, 200)
    assert.equal(await errors('memory'), failed + 1)
    assert.equal((await get('memory')).seen.get('x-script'), 'ran 0')
    assert.equal(await errors('memory'), failed + 1)
  })
}

test('a script may catch that memory is short', async () => {
  assert.match((await get('memory', 'caught')).seen.get('x-why') ?? '', /not enough memory|resulting string too large/)
})

test('memory that a script keeps for ever is given back with its machine', async () => {
  await get('memory', 'kept')
  assert.equal((await get('memory')).seen.get('x-script'), 'ran 0')
})

test('modules come from files, once', async () => {
  const { seen } = await get('modules')
  assert.equal(seen.get('x-half'), '3.5 true 1')
  assert.match(seen.get('x-broken') ?? '', /^broken\.lua:1: unexpected symbol near/)
})

test('an object kept longer than its request is of no use', async () => {
  assert.equal((await get('stale')).seen.get('x-stale'), undefined)
  assert.equal((await get('stale')).seen.get('x-stale'), 'false object used outside of proper scope')
})

test('a client that leaves while its script waits takes the script along', async () => {
  const active = async (): Promise<number> =>
    (await proxy.stats('http.stale.downstream_rq_active')).get('http.stale.downstream_rq_active') ?? 0
  for (let i = 0; i < 3; i++) {
    using client = await RawClient.connect(ports.get('stale') as number)
    client.send('POST / HTTP/1.1\r\nhost: a.test\r\nx-how: wait\r\ncontent-length: 10\r\n\r\nabc')
    while ((await active()) !== 1);
  }
  while ((await active()) !== 0);
  assert.equal((await get('stale')).response.status, 200)
})

test('what may wait does not in a coroutine of the script', async () => {
  assert.match((await get('stale', 'inner')).seen.get('x-inner') ?? '', /not in a coroutine/)
})

test('nothing that a script says becomes another line, or another kind of message', async () => {
  const { seen } = await get('injection')
  assert.equal(seen.get('x-count'), '19')
  assert.equal(
    seen.get('x-found'),
    [
      'header values must not hold CR, LF or NUL',
      "'x a' is no header name",
      'header values must not hold CR, LF or NUL',
      "cannot set ':method' to 'G ET'",
      "'' is no header name",
      "cannot set ':status' to '200'",
      "':path' cannot be removed",
      "cannot set ':nosuch' to '1'",
      'header values must not hold CR, LF or NUL',
      "'bad name' is no header name",
      'unsupported value of type function',
      'tables are nested deeper than 32',
      '__gc is not available',
      "module 'ffi' not found in ./?.lua;/usr/local/share/luajit-2.1/?.lua;/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua",
      'how a message is framed is not for scripts to say',
      "cannot set ':path' to '/a HTTP/1.1'",
      "cannot set ':authority' to 'a b'",
      'attempt to index a boolean value',
      "attempt to index a userdata value (upvalue 'handle')",
    ].join('|'),
  )
  assert.equal(seen.get('x-evil'), undefined)
  assert.equal(seen.get('x-absent'), 'nilnilnilnil')
})

test('signatures are verified with keys that the script has imported', async () => {
  assert.equal(
    (await get('crypto')).seen.get('x-found'),
    'true|nil|false|Failed to verify digest. Error code: 0|false|md5 is not supported.|invalid public key',
  )
})

test('a call that nobody waits for is made all the same', async () => {
  const { response } = await get('late')
  assert.equal(new Map(response.headers).get('x-sent'), 'yes')
  while (!origin.requests.some(({ target }) => target === '/log')) await proxy.stats('lua')
})

test('a call that is not answered ends with its time', async () => {
  assert.equal((await get('slow')).seen.get('x-call'), '504 upstream request timeout')
})
