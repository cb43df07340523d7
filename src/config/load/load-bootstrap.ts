import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { type CheckNote, ResourceChecker } from '../check/resource-checker.ts'
import { Diagnostics } from '../diagnostics.ts'
import { schemaTable } from '../schema/table.ts'
import '../support/index.ts'
import { parseJson } from '../yaml/parse-json.ts'
import { parseLargeYaml } from '../yaml/parse-large.ts'
import { decodeBinary } from './binary.ts'
import { type ConfigSource, ConfigSources, lineAndColumn } from './config-sources.ts'
import { mergeSources } from './merge-sources.ts'

const BOOTSTRAP = 'envoy.config.bootstrap.v3.Bootstrap'

/** A configuration file; its extension decides how it is read, as in Envoy: .pb is binary, all else YAML or JSON. */
export interface ConfigFile {
  /** As named by the user; stands in diagnostics. */
  readonly path: string
  readonly content: string | Uint8Array
}

export interface LoadOptions {
  /** --allow-unknown-static-fields: unknown fields become warnings. */
  readonly allowUnknownStaticFields?: boolean
  /** False checks names, types and rules alone, and lets through what this release does not support. */
  readonly checkSupport?: boolean
}

export interface LoadRequest {
  readonly files: readonly ConfigFile[]
  /** --config-yaml: merged over the files. */
  readonly yamlOverlay?: string
  readonly options?: LoadOptions
}

export interface LoadResult<Resource> {
  /** Absent when there is any error. */
  readonly resource?: Resource
  /** Located already; later findings about the same configuration are located by `sources`. */
  readonly diagnostics: Diagnostics
  /** Deprecated fields and the like, for debug logs. */
  readonly notes: readonly CheckNote[]
  readonly sources: ConfigSources
}

export interface LoadedBootstrap extends LoadResult<BootstrapJson> {
  readonly bootstrap?: BootstrapJson
}

interface Parsed {
  readonly source: ConfigSource
  readonly value: unknown
  readonly shared: boolean
}

function parseText(
  path: string,
  text: string,
  listOffsets: ReadonlyMap<string, number>,
  diagnostics: Diagnostics,
): Parsed {
  const json = path.endsWith('.json')
  const { value, problems, shared } = json ? parseJson(text) : parseLargeYaml(text)
  for (const { offset, message, code, path: at } of problems) {
    diagnostics.list.push({ severity: 'error', path: at, message, file: path, ...lineAndColumn(text, offset), code })
  }
  if (value === null && problems.length === 0) {
    diagnostics.list.push({ severity: 'error', path: '', message: 'holds no configuration', file: path, code: 'empty' })
  }
  return { source: { path, text, listOffsets }, value: value ?? undefined, shared }
}

function parseFile(file: ConfigFile, diagnostics: Diagnostics, offsets: ReadonlyMap<string, number>): Parsed {
  const extension = /\.[^./\\]+$/.exec(file.path)?.[0].toLowerCase()
  if (extension === '.pb' || extension === '.binpb') {
    const bytes = typeof file.content === 'string' ? Buffer.from(file.content, 'latin1') : file.content
    return {
      source: { path: file.path, text: '', listOffsets: offsets },
      value: decodeBinary(BOOTSTRAP, bytes, file.path, diagnostics),
      shared: false,
    }
  }
  if (extension === '.pb_text' || extension === '.txtpb') {
    const message = 'protobuf text format is not supported; use YAML, JSON or binary (.pb)'
    diagnostics.list.push({ severity: 'error', path: '', message, file: file.path, code: 'unsupported' })
    return { source: { path: file.path, text: '', listOffsets: offsets }, value: undefined, shared: false }
  }
  const text = typeof file.content === 'string' ? file.content : Buffer.from(file.content).toString('utf8')
  return parseText(file.path, text, offsets, diagnostics)
}

/**
 * Reads a bootstrap: syntax, names, types, `validate.rules` and support, all findings at once, each with file, line and
 * column. Never throws on bad input.
 */
export function loadBootstrap(request: LoadRequest): LoadedBootstrap {
  const diagnostics = new Diagnostics()
  const table = schemaTable()
  const sources: ConfigSource[] = []
  let merged: unknown
  let consumeInput = true
  const inputs: readonly ConfigFile[] =
    request.yamlOverlay === undefined
      ? request.files
      : [...request.files, { path: '--config-yaml', content: request.yamlOverlay }]
  for (const file of inputs) {
    const offsets = new Map<string, number>()
    const { source, value, shared } = parseFile(file, diagnostics, offsets)
    sources.push(source)
    consumeInput &&= !shared
    if (value !== undefined)
      merged = merged === undefined ? value : mergeSources(table, BOOTSTRAP, merged, value, offsets)
  }
  const checker = new ResourceChecker(table, diagnostics, {
    allowUnknownFields: request.options?.allowUnknownStaticFields === true,
    checkSupport: request.options?.checkSupport !== false,
    consumeInput,
  })
  const unread = diagnostics.failed && merged === undefined
  const resource = unread ? undefined : (checker.check(BOOTSTRAP, merged ?? {}) as BootstrapJson | undefined)
  const located = new ConfigSources(sources)
  located.locate(diagnostics.list)
  const outcome = { diagnostics, notes: checker.notes, sources: located }
  return diagnostics.failed || resource === undefined ? outcome : { ...outcome, resource, bootstrap: resource }
}
