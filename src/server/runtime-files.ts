import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { RuntimeLayer_DiskLayerJson as DiskLayerJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { parseYamlTexts } from '../config/index.ts'

/** Envoy's limit; deeper folders are a mistake, such as a link to a folder above. */
const MAX_DEPTH = 16

/** Where the files of a layer are, now: a link on the way may lead elsewhere tomorrow. */
export function runtimeFolder(layer: DiskLayerJson, serviceCluster: string): string {
  const { symlinkRoot = '', subdirectory = '', appendServiceCluster } = layer
  return join(symlinkRoot, subdirectory, appendServiceCluster === true ? serviceCluster : '')
}

/**
 * Values by dotted key: a file is one value, the folders above it are the beginning of its key. Null where there is no such
 * folder. Throws where something cannot be read.
 */
export function readRuntimeFiles(folder: string): ReadonlyMap<string, unknown> | null {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return null
  const values = new Map<string, unknown>()
  collect(folder, '', 1, values)
  return values
}

function collect(folder: string, prefix: string, depth: number, into: Map<string, unknown>): void {
  if (depth > MAX_DEPTH) throw new Error(`${folder} is more than ${MAX_DEPTH} folders deep`)
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) collect(path, `${prefix}${name}.`, depth + 1, into)
    else into.set(prefix + name, parsedValue(withoutComments(readFileSync(path, 'utf8'))))
  }
}

function withoutComments(text: string): string {
  const lines = text.split('\n').filter(line => !line.startsWith('#'))
  return lines.join('\n').trimEnd()
}

/** As Envoy reads an override: a number, a boolean or a fraction where the text is one. */
export function parsedValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  const number = Number(text)
  if (text.trim() !== '' && !Number.isNaN(number)) return number
  return text.includes('numerator') ? (fraction(text) ?? text) : text
}

/** A type.v3.FractionalPercent in YAML or JSON. */
function fraction(text: string): object | undefined {
  const value = parseYamlTexts(text).value as
    | { readonly numerator?: unknown; readonly denominator?: unknown }
    | undefined
  const numerator = Number(value?.numerator)
  if (!Number.isInteger(numerator) || numerator < 0) return undefined
  return typeof value?.denominator === 'string' ? { numerator, denominator: value.denominator } : { numerator }
}
