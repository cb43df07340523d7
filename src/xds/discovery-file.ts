import { readFileSync } from 'node:fs'
import {
  ConfigSources,
  type Diagnostic,
  type DiscoveredResource,
  type DiscoveredSet,
  loadResource,
  parseResourceText,
  typeName,
} from '../config/index.ts'
import { lineOf } from './findings.ts'
import { resourceName } from './resource-types.ts'

const RESPONSE = 'envoy.service.discovery.v3.DiscoveryResponse'
const WRAPPER = 'envoy.service.discovery.v3.Resource'
const URL_PREFIX = 'type.googleapis.com/'

export type DiscoveryFile =
  | { readonly kind: 'set'; readonly set: DiscoveredSet; readonly unknownFields: readonly string[] }
  /** Could not be read, or is no YAML or JSON at all. */
  | { readonly kind: 'unreadable'; readonly problem: string }
  | { readonly kind: 'invalid'; readonly problem: string }

export interface DiscoveryFileOptions {
  /** Fields that the API does not have are errors instead of warnings. */
  readonly rejectUnknownFields: boolean
}

type Json = Readonly<Record<string, unknown>>

/** Reads a DiscoveryResponse, or one resource alone, from a file: YAML, or JSON (.json), or protobuf bytes (.pb). */
export function readDiscoveryFile(file: string, wanted: string, options: DiscoveryFileOptions): DiscoveryFile {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    return { kind: 'unreadable', problem: `cannot read ${file}: ${(error as Error).message}` }
  }
  return readDiscoveryBytes(file, bytes, wanted, options)
}

/** The same for what has been read already; the end of its name tells how it is written. */
export function readDiscoveryBytes(
  file: string,
  bytes: Buffer,
  wanted: string,
  options: DiscoveryFileOptions,
): DiscoveryFile {
  const load = { allowUnknownStaticFields: !options.rejectUnknownFields }
  if (file.endsWith('.pb')) {
    const { resource, diagnostics } = loadResource(RESPONSE, { binary: bytes }, load)
    return judged(file, '', '', wanted, resource, diagnostics.list)
  }
  const text = bytes.toString('utf8')
  const { value, problem } = parseResourceText(file, text)
  if (problem !== null) return { kind: 'unreadable', problem }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'unreadable', problem: `${file} holds neither a DiscoveryResponse nor a resource` }
  }
  const alone = isAlone(value as Json)
  const json = alone ? { resources: [{ '@type': URL_PREFIX + wanted, ...value }] } : value
  const { resource, diagnostics } = loadResource(RESPONSE, { json }, load)
  return judged(file, text, alone ? 'resources[0]' : '', wanted, resource, diagnostics.list)
}

/** Whether a file holds one resource, without a response around it. */
function isAlone(value: Json): boolean {
  if ('@type' in value) return value['@type'] !== URL_PREFIX + RESPONSE
  return !['resources', 'version_info', 'versionInfo', 'type_url', 'typeUrl'].some(name => name in value)
}

/** `added`: where in the response the content of the file stands. */
function judged(
  file: string,
  text: string,
  added: string,
  wanted: string,
  response: object | undefined,
  findings: readonly Diagnostic[],
): DiscoveryFile {
  const shown = located(file, text, added, findings)
  const errors = shown.filter(({ severity }) => severity === 'error')
  if (response === undefined || errors.length > 0)
    return { kind: 'invalid', problem: errors.map(finding => lineOf(finding)).join('; ') }
  const { versionInfo: version = '', resources = [] } = response as { versionInfo?: string; resources?: Json[] }
  const found: DiscoveredResource[] = []
  for (const item of resources) {
    const resource = unwrapped(item, version)
    if (typeName(resource.json) !== wanted) {
      const problem = `${file}: ${typeName(resource.json)} is not what is wanted here, which is ${wanted}`
      return { kind: 'invalid', problem }
    }
    const { '@type': _, ...json } = resource.json
    found.push({ name: resourceName(json), resource: json, version: resource.version })
  }
  return {
    kind: 'set',
    set: { version, resources: found, removed: null },
    unknownFields: shown.map(finding => lineOf(finding)),
  }
}

function unwrapped(item: Json, version: string): { readonly json: Json & { '@type'?: string }; version: string } {
  if (typeName(item) !== WRAPPER) return { json: item, version }
  const { resource = {}, version: own } = item as { resource?: Json; version?: string }
  return { json: resource, version: own ?? version }
}

function located(file: string, text: string, added: string, findings: readonly Diagnostic[]): readonly Diagnostic[] {
  const within = findings.map(finding => ({ ...finding, path: withoutPrefix(finding.path, added) }))
  if (text !== '') new ConfigSources([{ path: file, text, listOffsets: new Map() }]).locate(within)
  return within.map(finding => ({ ...finding, file }))
}

function withoutPrefix(path: string, prefix: string): string {
  return prefix !== '' && path.startsWith(prefix) ? path.slice(prefix.length).replace(/^\./, '') : path
}
