// Test kit: the rate limit service as a process, Redis as another, and a gRPC client.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { messageCodec } from '../../../src/config/index.ts'
import { LAUNCHER } from '../../harness/index.ts'

const METHOD = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'
const requests = messageCodec('envoy.service.ratelimit.v3.RateLimitRequest')
const responses = messageCodec('envoy.service.ratelimit.v3.RateLimitResponse')

export interface Answer {
  readonly overallCode: number
  readonly statuses: readonly { readonly code: number; readonly limitRemaining: number }[]
  readonly responseHeadersToAdd: readonly { readonly key: string; readonly value: string }[]
}

/** 'key=value,key=value' -> a descriptor. */
export const descriptorOf = (text: string): { readonly entries: readonly object[] } => ({
  entries: text.split(',').map(entry => {
    const [key, value] = entry.split('=')
    return { key, value: value ?? '' }
  }),
})

export class ServiceClient {
  private readonly client: grpc.Client

  constructor(address: string) {
    this.client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  }

  /** Rejects with grpc's error. */
  ask(domain: string, descriptors: readonly object[], hitsAddend = 0, deadlineMs = 10_000): Promise<Answer> {
    return new Promise((resolve, reject) =>
      this.client.makeUnaryRequest(
        METHOD,
        (fields: object) => Buffer.from(requests.encode(fields)),
        (bytes: Buffer) => responses.decode(bytes) as Answer,
        { domain, descriptors, hitsAddend },
        new grpc.Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error, answer) => (error === null ? resolve(answer as Answer) : reject(error)),
      ),
    )
  }

  /** 'OK' or 'OVER', or the status of a call that failed. */
  async code(domain: string, ...descriptors: readonly string[]): Promise<string> {
    try {
      const { overallCode } = await this.ask(domain, descriptors.map(descriptorOf))
      return overallCode === 1 ? 'OK' : 'OVER'
    } catch (error) {
      return grpc.status[(error as grpc.ServiceError).code]!
    }
  }

  /** 1 SERVING, 2 NOT_SERVING; a text is the status of a call that failed. */
  health(service: string): Promise<number | string> {
    const message = Buffer.from([0x0a, service.length, ...Buffer.from(service)])
    return new Promise(resolve =>
      this.client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes[1]!,
        message,
        (error, status) => resolve(error === null ? (status as number) : grpc.status[error.code]!),
      ),
    )
  }

  watchHealth(): grpc.ClientReadableStream<number> {
    return this.client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes[1]!,
      Buffer.alloc(0),
    )
  }

  unary(path: string, message: Buffer): Promise<string> {
    const raw = (bytes: Buffer): Buffer => bytes
    return new Promise(resolve =>
      this.client.makeUnaryRequest(path, raw, raw, message, error =>
        resolve(error === null ? 'OK' : `${grpc.status[error.code]}: ${error.details}`),
      ),
    )
  }

  close(): void {
    this.client.close()
  }
}

/** What a child process writes, line by line, and who waits for it. */
class Output {
  text = ''
  private waiting: (() => void)[] = []

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (piece: string) => {
        this.text += piece
        for (const check of this.waiting) check()
      })
    }
  }

  /** Resolves when the output from `from` on matches. */
  until(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    return new Promise(resolve => {
      const check = (): void => {
        const match = pattern.exec(this.text.slice(from))
        if (match === null) return
        this.waiting = this.waiting.filter(one => one !== check)
        resolve(match)
      }
      this.waiting.push(check)
      check()
    })
  }
}

export class ServiceProcess {
  readonly output: Output
  readonly folder: string
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  grpc = ''
  http = ''

  private constructor(folder: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.folder = folder
    this.child = spawn(LAUNCHER, ['ratelimit', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
    })
    this.output = new Output(this.child)
    this.exited = once(this.child, 'exit').then(([code]) => code as number | null)
  }

  /** `files` by name, in a directory of their own. */
  static async start(
    files: Readonly<Record<string, string>>,
    args: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<ServiceProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'ratelimit-'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const ports = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--drain-delay', '0s']
    const service = new ServiceProcess(folder, ['--config', folder, ...ports, ...args], env)
    const ready = service.output.until(/HTTP is served at (\S+)[\s\S]*gRPC is served at (\S+)\n/)
    const failed = service.exited.then(code => {
      throw new Error(`the service exited with ${code}:\n${service.output.text}`)
    })
    const [, http, address] = await Promise.race([ready, failed])
    service.http = http!
    service.grpc = address!
    return service
  }

  client(): ServiceClient {
    return new ServiceClient(this.grpc)
  }

  async page(path: string, init?: RequestInit): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`http://${this.http}${path}`, init)
    return { status: response.status, body: await response.text() }
  }

  async stat(name: string): Promise<number> {
    const { body } = await this.page('/stats')
    return Number(new RegExp(`^${name.replaceAll('.', '\\.')}: (\\d+)$`, 'm').exec(body)?.[1] ?? -1)
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    const code = await this.exited
    rmSync(this.folder, { recursive: true, force: true })
    return code
  }
}
