// Asks a server what its services look like: one round of questions, until every file that is needed is there.
import type { FileRegistry } from '@bufbuild/protobuf'
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import { GrpcCall, type UpstreamThread } from '../../../upstream/index.ts'
import { protobuf } from './protobuf.ts'
import { decodeAnswer, encodeQuestion, type Question } from './reflection-messages.ts'

const PATHS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
]
const UNIMPLEMENTED = 12
const TIMEOUT_MS = 5000
/** What a server may send at most. */
const MAX_FILES = 2000
const MAX_BYTES = 16 * 1024 * 1024

export interface Reflected {
  readonly registry: FileRegistry | null
  /** '' where there is a registry. */
  readonly problem: string
}

/** One round. The questions go one by one: each is a call of its own on the stream that the protocol has. */
export class Reflector {
  private readonly thread: UpstreamThread
  private readonly cluster: string
  private readonly done: (result: Reflected) => void
  private readonly questions: Question[]
  private readonly files = new Map<string, FileDescriptorProto>()
  private bytes = 0
  private version = 0

  constructor(thread: UpstreamThread, cluster: string, services: readonly string[], done: (result: Reflected) => void) {
    this.thread = thread
    this.cluster = cluster
    this.done = done
    this.questions = services.map(name => ({ kind: 'symbol', name }))
  }

  /** `done` may be called before this returns. */
  start(): void {
    this.ask()
  }

  private ask(): void {
    const question = this.questions[this.questions.length - 1]
    if (question === undefined) {
      this.finish()
      return
    }
    const options = {
      cluster: this.cluster,
      authority: '',
      path: PATHS[this.version] as string,
      timeoutMs: TIMEOUT_MS,
      initialMetadata: [],
      maxResponseBytes: MAX_BYTES,
    }
    GrpcCall.start(this.thread.asyncClient, options, encodeQuestion(question), {
      onGrpcSuccess: message => this.onAnswer(question, message),
      onGrpcFailure: (status, message) => this.onFailure(question, status, message),
    })
  }

  private onFailure(question: Question, status: number, message: string): void {
    if (status === UNIMPLEMENTED && this.version + 1 < PATHS.length && this.files.size === 0) {
      this.version++
      this.ask()
    } else this.fail(`asked for ${question.name}: grpc-status ${status}${message === '' ? '' : `, ${message}`}`)
  }

  private onAnswer(question: Question, message: Buffer): void {
    try {
      const { files, error } = decodeAnswer(message)
      if (error !== null) this.fail(`asked for ${question.name}: ${error}`)
      else if (files.length === 0) this.fail(`asked for ${question.name}: no file in the answer`)
      else {
        this.questions.pop()
        for (const file of files) this.take(file)
        if (this.files.size > MAX_FILES || this.bytes > MAX_BYTES) this.fail('the server has too many descriptors')
        else this.ask()
      }
    } catch (error) {
      this.fail(`asked for ${question.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  private take(bytes: Uint8Array): void {
    const { core, wkt } = protobuf()
    const file = core.fromBinary(wkt.FileDescriptorProtoSchema, bytes)
    if (this.files.has(file.name)) return
    this.files.set(file.name, file)
    this.bytes += bytes.length
    for (const name of file.dependency) {
      const asked = this.questions.some(question => question.kind === 'file' && question.name === name)
      // Servers often send what a file imports along with it, in no set order: a question may turn out to be needless.
      if (!this.files.has(name) && !wellKnown().has(name) && !asked) this.questions.push({ kind: 'file', name })
    }
    const needless = (one: Question): boolean => one.kind === 'file' && this.files.has(one.name)
    for (let i = this.questions.length - 1; i >= 0; i--) if (needless(this.questions[i]!)) this.questions.splice(i, 1)
  }

  private finish(): void {
    const { core, wkt } = protobuf()
    const sorted: FileDescriptorProto[] = []
    const seen = new Set<string>()
    const visit = (name: string): void => {
      if (seen.has(name)) return
      seen.add(name)
      const file = this.files.get(name) ?? wellKnown().get(name)
      if (file === undefined) return
      for (const dependency of file.dependency) visit(dependency)
      sorted.push(file)
    }
    for (const name of this.files.keys()) visit(name)
    try {
      const registry = core.createFileRegistry(core.create(wkt.FileDescriptorSetSchema, { file: sorted }))
      this.done({ registry, problem: '' })
    } catch (error) {
      this.fail(`the descriptors do not fit together: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  private fail(problem: string): void {
    this.questions.length = 0
    this.done({ registry: null, problem })
  }
}

let known: Map<string, FileDescriptorProto> | undefined

/** google/protobuf/*.proto, which the runtime brings along. */
function wellKnown(): ReadonlyMap<string, FileDescriptorProto> {
  if (known === undefined) {
    known = new Map()
    for (const value of Object.values(protobuf().wkt) as unknown[]) {
      const file = value as { kind?: string; proto?: FileDescriptorProto }
      if (file?.kind === 'file' && file.proto !== undefined) known.set(file.proto.name, file.proto)
    }
  }
  return known
}
