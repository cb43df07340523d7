// Loads what a thread runs: from sources as they are, built from one file, with the code that V8 made of it before.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, enableCompileCache, flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { cachedDataVersionTag } from 'node:v8'
import { constants, Script } from 'node:vm'
import { threadId } from 'node:worker_threads'
import { INSTALLATION } from './base/installation.ts'

/** The thread's file in dist/, named by the hash of what it holds; given by the build, absent in a clone's sources. */
declare const PROGRAM_FILE: string

/** Within the installation: a shared temporary folder could be filled by others with code of their own. */
const FOLDER = process.env['NODE_COMPILE_CACHE'] ?? fileURLToPath(new URL('node_modules/.cache/outrider', INSTALLATION))
const FLUSH_DELAY_MS = 1000
/** After a process has served for so long, most of what it will run has run once. */
const KEEP_DELAY_MS = 10_000

export interface LoadedProgram<Program> {
  readonly program: Program
  /** The thread serves: what V8 has compiled by then is kept for the next start, in a while or when the process ends. */
  readonly keepCode: () => void
}

/** `load` imports the sources. */
export async function loadProgram<Program>(load: () => Promise<Program>): Promise<LoadedProgram<Program>> {
  // For packages, which stay files of their own, and for sources. Written soon: at exit it might be too late.
  enableCompileCache(FOLDER)
  setTimeout(flushCompileCache, FLUSH_DELAY_MS).unref()
  if (typeof PROGRAM_FILE === 'undefined') return { program: await load(), keepCode: () => {} }
  return loadBuilt<Program>(new URL(PROGRAM_FILE, import.meta.url))
}

/**
 * Node's own compile cache holds only the functions that ran while files were loaded; the first request would wait some
 * 10 ms for the compiler. This one is made of a process that has served.
 */
function loadBuilt<Program>(url: URL): LoadedProgram<Program> {
  const filename = fileURLToPath(url)
  // Not decoded: the build writes ASCII, and V8 uses such text in place.
  const source = readFileSync(filename, 'latin1')
  const codeFile = `${FOLDER}/${PROGRAM_FILE}.${cachedDataVersionTag().toString(16)}`
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  const cachedData = readCode(codeFile)
  const script = new Script(source, { filename, cachedData, importModuleDynamically })
  // Given back at once: until the next collection, which may be hours away, it would be 2 MB per thread.
  cachedData?.buffer.transfer(0)
  const module = { exports: {} as Program }
  script.runInThisContext()(module.exports, createRequire(filename), module, import.meta.url)
  if (script.cachedDataRejected === true) rmSync(codeFile, { force: true })
  const isKept = script.cachedDataRejected === false
  return { program: module.exports, keepCode: isKept ? () => {} : () => keepLater(script, codeFile) }
}

/** Absent at the first start of a build, which compiles. */
function readCode(file: string): Buffer<ArrayBuffer> | undefined {
  return existsSync(file) ? readFileSync(file) : undefined
}

function keepLater(script: Script, file: string): void {
  // One thread of several does it.
  const keep = () => {
    if (!existsSync(file)) writeCode(file, script.createCachedData())
  }
  setTimeout(keep, KEEP_DELAY_MS).unref()
  process.once('exit', keep)
}

/** Where the installation cannot be written to, every start compiles anew. */
function writeCode(file: string, code: Buffer): void {
  const unfinished = `${file}.${process.pid}.${threadId}`
  try {
    mkdirSync(FOLDER, { recursive: true })
    writeFileSync(unfinished, code)
    renameSync(unfinished, file)
    const anyBuild = PROGRAM_FILE.slice(0, PROGRAM_FILE.lastIndexOf('-'))
    for (const name of readdirSync(FOLDER)) {
      if (name.startsWith(anyBuild) && !name.startsWith(PROGRAM_FILE)) rmSync(`${FOLDER}/${name}`, { force: true })
    }
  } catch {
    rmSync(unfinished, { force: true })
  }
}
