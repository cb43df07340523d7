// What a Lua script costs per request, beside Envoy with the same bootstrap: CPU of the whole process tree, with and without
// a script that reads two headers and writes two in each direction. ENVOY=<binary> node scripts/run.mjs bench/lua.ts
// The proxy is pinned to core 0, load (wrk) and origin (nginx) to core 1. Nothing else may run meanwhile.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeEnvoyBootstrap, writeOrigin } from './peers.ts'
import { cpuMs, residentMiB } from './process-cost.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const ports = { origin: 28080, http: 28100, tcp: 28104, admin: 28190 }
const REPETITIONS = 3
const SECONDS = 3

const FILTER = `
          - name: envoy.filters.http.lua
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code:
                inline_string: |
                  function envoy_on_request(handle)
                    local headers = handle:headers()
                    local path = headers:get(":path")
                    if path:sub(1, 4) ~= "/api" then headers:add("x-tenant", headers:get("user-agent") or "none") end
                    headers:replace("x-path-length", #path)
                  end
                  function envoy_on_response(handle)
                    handle:headers():add("x-script", "ran")
                    handle:headers():remove("server")
                  end`

/** The bootstrap with the script in front of the router. */
function withScript(file: string): string {
  const scripted = file.replace('.yaml', '-lua.yaml')
  writeFileSync(scripted, readFileSync(file, 'utf8').replace('http_filters:', `http_filters:${FILTER}`))
  return scripted
}

const start = (core: string, command: readonly string[]): ChildProcess =>
  spawn('taskset', ['-c', core, ...command], { stdio: 'ignore' })

async function stop(process: ChildProcess): Promise<void> {
  const gone = new Promise(resolve => process.once('exit', resolve))
  process.kill('SIGTERM')
  await gone
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1')
    const up = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (up) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function measure(command: readonly string[]): Promise<{ us: number; mib: number }> {
  const proxy = start('0', command)
  try {
    await listening(ports.http)
    const load = (seconds: number): string =>
      spawnSync('taskset', ['-c', '1', 'wrk', '-t1', '-c64', `-d${seconds}s`, `http://127.0.0.1:${ports.http}/`], {
        encoding: 'utf8',
      }).stdout
    load(2)
    const before = cpuMs(proxy.pid as number)
    const requests = Number(/(\d+) requests in/.exec(load(SECONDS))?.[1])
    return { us: ((cpuMs(proxy.pid as number) - before) * 1000) / requests, mib: residentMiB(proxy.pid as number) }
  } finally {
    await stop(proxy)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'outrider-bench-'))
// The origin's worker may run as another user.
chmodSync(folder, 0o755)
const plain = writeEnvoyBootstrap(folder, ports)
const scripted = withScript(plain)
const outrider = (file: string): readonly string[] => [join(root, 'bin', 'outrider'), '-c', file, '--concurrency', '1']
const envoy = (file: string): readonly string[] => {
  const flags = ['--concurrency', '1', '--use-dynamic-base-id', '-l', 'off']
  return [process.env['ENVOY'] ?? 'envoy', '-c', file, ...flags]
}
const runs: readonly (readonly [string, readonly string[]])[] = [
  ['Outrider', outrider(plain)],
  ['Outrider, script', outrider(scripted)],
  ['Envoy', envoy(plain)],
  ['Envoy, script', envoy(scripted)],
]
const origin = start('1', ['nginx', '-e', '/dev/null', '-c', writeOrigin(folder, ports)])
try {
  await listening(ports.origin)
  const samples = new Map<string, { us: number; mib: number }[]>()
  for (let i = 0; i < REPETITIONS; i++) {
    for (const [name, command] of runs) samples.set(name, [...(samples.get(name) ?? []), await measure(command)])
  }
  for (const [name, own] of samples) {
    const { us, mib } = own.sort((a, b) => a.us - b.us)[own.length >> 1]!
    console.log(`| ${name} | ${us.toFixed(1)} us | ${Math.round(mib)} MiB |`)
  }
} finally {
  await stop(origin)
  rmSync(folder, { recursive: true, force: true })
}
