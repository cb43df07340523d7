import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigSources, Diagnostics, parseYamlTexts, renderDiagnostics } from '../../../config/index.ts'
import type { LimitStats } from '../limiter/limit-stats.ts'
import { addDescriptors, DescriptorNode, type LimitMaker } from './descriptor-tree.ts'
import type { DomainConfig } from './domain-config.ts'
import { RateLimitConfig } from './rate-limit-config.ts'
import { readDomain } from './read-domain.ts'

export interface LoadSettings {
  /** A directory, or one file. */
  readonly path: string
  /** Files of the same domain are put together; otherwise the second is an error. */
  readonly mergeDomains: boolean
  readonly nearLimitRatio: number
}

export interface LoadedConfig {
  /** Null: something is wrong, `report` says what. */
  readonly config: RateLimitConfig | null
  /** Errors and warnings of all files as a compiler prints them; '' when there are none. */
  readonly report: string
  /** What was looked at, to know when to look again: directories and files. */
  readonly watched: readonly string[]
}

/** As many levels of directories as anybody has. */
const MAX_DEPTH = 8
const MAX_FILE_BYTES = 16 * 1024 * 1024
/** Kubernetes' own entries of a mounted directory, editors' swap files and the like begin with a dot. */
const isHidden = (name: string): boolean => name.startsWith('.') || name.endsWith('~')
const isConfig = (name: string): boolean => /\.(?:ya?ml|json)$/i.test(name) || !name.includes('.')

interface Listing {
  readonly files: string[]
  readonly folders: string[]
  readonly skipped: string[]
}

/** Reads and checks all files, and reports everything that is wrong with them. Never throws. */
export function loadConfigFiles(settings: LoadSettings, limitStats: LimitStats): LoadedConfig {
  const listing: Listing = { files: [], folders: [], skipped: [] }
  const reports: string[] = []
  try {
    if (statSync(settings.path).isDirectory()) list(settings.path, listing, 0)
    else listing.files.push(settings.path)
  } catch (error) {
    reports.push(`error: ${(error as Error).message}\n`)
  }
  for (const file of listing.skipped) reports.push(`${file}: warning: is not read: no .yaml, .yml or .json\n`)
  const domains = new Domains(settings, limitStats)
  const failed =
    listing.files.map(file => loadFile(file, domains, reports)).includes(false) ||
    listing.files.length + listing.folders.length === 0
  const watched = [settings.path, ...listing.folders, ...listing.files]
  return { config: failed ? null : domains.config, report: reports.join('\n'), watched }
}

function list(folder: string, listing: Listing, depth: number): void {
  listing.folders.push(folder)
  for (const name of readdirSync(folder).sort()) {
    if (isHidden(name)) continue
    const path = join(folder, name)
    // Links are followed: that is how mounted configuration comes.
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true && depth < MAX_DEPTH) list(path, listing, depth + 1)
    else if (found?.isFile() === true) (isConfig(name) ? listing.files : listing.skipped).push(path)
  }
}

/** False: the file has errors. */
function loadFile(file: string, domains: Domains, reports: string[]): boolean {
  const diagnostics = new Diagnostics()
  const text = readText(file, diagnostics)
  const { value, problems } = parseYamlTexts(text)
  const sources = new ConfigSources([{ path: file, text, listOffsets: new Map() }])
  for (const { offset, message, code } of problems) {
    diagnostics.list.push({ severity: 'error', path: '', message, code, file, ...placeOf(text, offset) })
  }
  if (!diagnostics.failed) {
    const domain = readDomain(value, diagnostics)
    if (!diagnostics.failed) domains.add(domain, file, diagnostics)
  }
  // Findings about the file as a whole have no place in it.
  for (const finding of diagnostics.list) finding.file ??= file
  if (diagnostics.list.length > 0) reports.push(renderDiagnostics(diagnostics.list, sources))
  return !diagnostics.failed
}

function readText(file: string, diagnostics: Diagnostics): string {
  try {
    if (statSync(file).size <= MAX_FILE_BYTES) return readFileSync(file, 'utf8')
    diagnostics.add('error', '', `is larger than ${MAX_FILE_BYTES} bytes`, { code: 'read' })
  } catch (error) {
    diagnostics.add('error', '', `cannot be read: ${(error as Error).message}`, { code: 'read' })
  }
  return ''
}

function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}

/** Puts the files of one load together. */
class Domains {
  private readonly settings: LoadSettings
  private readonly maker: LimitMaker
  private readonly nodes = new Map<string, DescriptorNode>()
  private readonly files = new Map<string, string>()

  constructor(settings: LoadSettings, stats: LimitStats) {
    this.settings = settings
    this.maker = { stats, nearLimitRatio: settings.nearLimitRatio }
  }

  add({ domain, descriptors }: DomainConfig, file: string, diagnostics: Diagnostics): void {
    const known = this.nodes.get(domain)
    if (known !== undefined && !this.settings.mergeDomains) {
      const message = `duplicate domain '${domain}': ${this.files.get(domain)} has it too, and domains are not merged`
      diagnostics.add('error', 'domain', message)
      return
    }
    const node = known ?? new DescriptorNode(null, null)
    this.nodes.set(domain, node)
    this.files.set(domain, file)
    for (const key of addDescriptors(node, domain, descriptors, this.maker)) {
      diagnostics.add('error', 'descriptors', `duplicate descriptor composite key '${key}': another file has it too`)
    }
  }

  get config(): RateLimitConfig {
    return new RateLimitConfig(this.nodes, this.maker)
  }
}
