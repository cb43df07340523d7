// Collects the .proto files of the npm package into one folder that compiles: line endings, old API versions, missing
// imports and the overlay of newer fields.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { mergeProto } from './generate-api-overlay.ts'

/** Packed folders and the import root each of them holds. */
const ROOTS = [
  ['envoy-api', 'envoy'],
  ['xds', 'xds'],
  ['xds', 'udpa'],
  ['googleapis', 'google'],
  ['protoc-gen-validate', 'validate'],
] as const

/** Import files that the package does not carry, and that nothing of ours reads. */
const DROPPED =
  /^(envoy\/service\/trace\/v3\/|google\/api\/service|google\/api\/expr\/v1beta1\/|google\/api\/servicecontrol|google\/api\/servicemanagement)/

function protoFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.proto'))
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
}

/** Envoy's v2 and alpha files import files that are not packed; only v3 and the annotations compile. */
function isKept(path: string, text: string): boolean {
  if (DROPPED.test(path)) return false
  if (path.startsWith('google/')) return path.startsWith('google/api/') || path.startsWith('google/rpc/')
  if (!path.startsWith('envoy/')) return true
  const name = /^package\s+([\w.]+)\s*;/m.exec(text)?.[1] ?? ''
  return name.endsWith('.v3') || name.startsWith('envoy.annotations')
}

/** CEL's trees have a package of their own by now, cel.expr, with the messages that they had before. */
function movedExpr(path: string, text: string): { readonly path: string; readonly text: string } | null {
  const name = /^google\/api\/expr\/v1alpha1\/((?:syntax|checked)\.proto)$/.exec(path)?.[1]
  if (name === undefined) return null
  const options = /^option .*$/gm
  const moved = text
    .replaceAll('google/api/expr/v1alpha1/', 'cel/expr/')
    .replaceAll('google.api.expr.v1alpha1', 'cel.expr')
    .replace(options, '')
  return { path: `cel/expr/${name}`, text: moved }
}

/** The packed validate.proto is older than the protos that use it; numbers as published by protoc-gen-validate. */
function repairValidate(text: string): string {
  const numbers: Record<string, number> = { StringRules: 26, BytesRules: 14, RepeatedRules: 5, MapRules: 6 }
  return text
    .replace(/^message (\w+) \{$/gm, (line, name: string) => {
      const numeric = /^(Float|Double|S?U?Int32|S?U?Int64|S?Fixed32|S?Fixed64)Rules$/.test(name)
      const number = numeric ? 8 : numbers[name]
      return number === undefined ? line : `${line}\n    optional bool ignore_empty = ${number};`
    })
    .replace(/^(extend google\.protobuf\.MessageOptions \{)$/m, '$1\n    optional bool ignored = 1072;')
}

/**
 * Writes every usable .proto of `packed` (the npm package's `deps` folder) under `out`, merged with the files of
 * `overlay`; the overlay's `stubs/` stand in for imports that the package lacks.
 */
export function collectProtos(packed: string, overlay: string, out: string): void {
  cpSync(join(overlay, 'stubs'), out, { recursive: true })
  const added = new Map(
    protoFiles(overlay)
      .filter(path => !path.startsWith('stubs/'))
      .map(path => [path, readFileSync(join(overlay, path), 'utf8')]),
  )
  for (const [folder, top] of ROOTS) {
    for (const below of protoFiles(join(packed, folder, top))) {
      const path = `${top}/${below}`
      let text = readFileSync(join(packed, folder, top, below), 'utf8').replaceAll('\r\n', '\n')
      if (!isKept(path, text)) continue
      if (path === 'validate/validate.proto') text = repairValidate(text)
      const moved = movedExpr(path, text)
      if (moved !== null) write(join(out, moved.path), moved.text)
      const extra = added.get(path)
      added.delete(path)
      write(join(out, path), extra === undefined ? text : mergeProto(text, extra))
    }
  }
  for (const [path, text] of added) write(join(out, path), text)
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
