import { writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'
import { type AdminResponse, type Endpoint, OK, text } from '../endpoint.ts'

const USAGE = text('?enable=<y|n>\n', 400)

interface Profiler {
  readonly path: string
  readonly help: string
  readonly param: string
  /** Inspector domain and methods. */
  start(session: Session): Promise<void>
  stop(session: Session): Promise<object>
  readonly fileSuffix: string
  readonly failed: string
}

const CPU: Profiler = {
  path: '/cpuprofiler',
  help: 'enable/disable the CPU profiler',
  param: 'enables the CPU profiler',
  start: async session => {
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
  },
  stop: async session => (await session.post('Profiler.stop')).profile,
  fileSuffix: '.cpuprofile',
  failed: 'failure to start the profiler',
}

const HEAP: Profiler = {
  path: '/heapprofiler',
  help: 'enable/disable the heap profiler',
  param: 'enable/disable the heap profiler',
  start: async session => {
    await session.post('HeapProfiler.startSampling')
  },
  stop: async session => (await session.post('HeapProfiler.stopSampling')).profile,
  fileSuffix: '.heapprofile',
  failed: 'failure to start the heap profiler',
}

/** A switch around one V8 profiler of the main thread; the profile is written when it is switched off. */
class ProfilerSwitch {
  private readonly profiler: Profiler
  private readonly profilePath: string
  private session: Session | null = null

  constructor(profiler: Profiler, profilePath: string) {
    this.profiler = profiler
    this.profilePath = profilePath
  }

  async start(): Promise<AdminResponse> {
    if (this.session !== null) return text(this.profiler.failed, 500)
    this.session = new Session()
    this.session.connect()
    await this.profiler.start(this.session)
    return OK
  }

  async stop(): Promise<AdminResponse> {
    const { session } = this
    if (session === null) return OK
    this.session = null
    const profile = await this.profiler.stop(session)
    session.disconnect()
    const file = `${this.profilePath}${this.profiler.fileSuffix}`
    try {
      await writeFile(file, JSON.stringify(profile))
    } catch (error) {
      return text(`cannot write the profile: ${(error as Error).message}\n`, 500)
    }
    return text(`OK\n${file}\n`)
  }
}

function endpoint(profiler: Profiler, profilePath: string): Endpoint {
  const toggle = new ProfilerSwitch(profiler, profilePath)
  return {
    path: profiler.path,
    help: profiler.help,
    params: [{ name: 'enable', help: profiler.param, choices: ['y', 'n'] }],
    mutates: true,
    handle: ({ params }) => {
      const enable = params.get('enable')
      if (params.size !== 1 || (enable !== 'y' && enable !== 'n')) return USAGE
      return enable === 'y' ? toggle.start() : toggle.stop()
    },
  }
}

/** /cpuprofiler and /heapprofiler; profiles land beside `profilePath`, with V8's suffixes for the browser's tools. */
export function profilers(profilePath: string): readonly Endpoint[] {
  return [endpoint(CPU, profilePath), endpoint(HEAP, profilePath)]
}

export const allocationProfiler: Endpoint = {
  path: '/allocprofiler',
  help: 'enable/disable the allocation profiler (if supported)',
  params: [{ name: 'enable', help: 'enable/disable the allocation profiler', choices: ['y', 'n'] }],
  mutates: true,
  handle: () => text('The current build does not support the allocation profiler; see /heapprofiler\n', 501),
}
