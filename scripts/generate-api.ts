// Writes gen/: JSON types of Envoy's v3 API, the schema table of the config loader, and the descriptor set that binary
// configs need. Offline: the protos come from an npm package, newer fields from proto-overlay/.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { schemaTable } from './generate-api-schema.ts'
import { collectProtos } from './generate-api-sources.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)

function run(command: string, args: readonly string[], cwd: string): void {
  const result = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.error?.message ?? `exit ${result.status}`}`)
}

/** The native binary itself: its launcher script would depend on an install script that npm may have blocked. */
function bufBinary(): string {
  return require.resolve(
    `@bufbuild/buf-${process.platform}-${process.arch}/bin/buf${process.platform === 'win32' ? '.exe' : ''}`,
  )
}

function generatorTemplate(out: string): string {
  const plugin = join(root, 'node_modules', '@bufbuild', 'protoc-gen-es', 'bin', 'protoc-gen-es')
  return JSON.stringify({
    version: 'v2',
    plugins: [
      // `strategy: all`: one plugin process instead of one per folder, 1 s instead of 68.
      {
        local: [process.execPath, plugin],
        out,
        strategy: 'all',
        opt: ['target=dts', 'json_types=true', 'import_extension=js'],
      },
    ],
  })
}

const work = mkdtempSync(join(tmpdir(), 'outrider-protos-'))
try {
  collectProtos(
    join(root, 'node_modules', '@grpc', 'grpc-js-xds', 'deps'),
    join(root, 'proto-overlay'),
    join(work, 'protos'),
  )
  writeFileSync(join(work, 'buf.yaml'), JSON.stringify({ version: 'v2', modules: [{ path: 'protos' }] }))
  writeFileSync(join(work, 'buf.gen.yaml'), generatorTemplate('types'))
  const buf = bufBinary()
  run(buf, ['build', '--exclude-source-info', '-o', 'descriptors.binpb'], work)
  run(buf, ['generate', 'descriptors.binpb'], work)
  const gen = join(root, 'gen')
  mkdirSync(gen, { recursive: true })
  const descriptors = readFileSync(join(work, 'descriptors.binpb'))
  writeFileSync(join(gen, 'descriptors.binpb'), descriptors)
  const newerRules = JSON.parse(readFileSync(join(root, 'proto-overlay', 'rules.json'), 'utf8'))
  writeFileSync(join(gen, 'schema.json'), schemaTable(descriptors, newerRules))
  for (const folder of ['envoy', 'xds', 'udpa', 'outrider', 'opentelemetry', 'google/api/expr', 'cel']) {
    rmSync(join(gen, folder), { recursive: true, force: true })
    cpSync(join(work, 'types', folder), join(gen, folder), { recursive: true })
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
