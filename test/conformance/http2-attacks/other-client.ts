import { once } from 'node:events'
import http2 from 'node:http2'

const LEAST_REQUESTS = 150

export interface Experience {
  readonly failed: number
  readonly done: number
  readonly p99Ms: number
}

/** Somebody with a connection of their own, who asks again and again while `meanwhile` goes on. */
export async function experience(port: number, meanwhile: Promise<unknown>): Promise<Experience> {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  let over = false
  void meanwhile.finally(() => (over = true))
  const latenciesMs: number[] = []
  let failed = 0
  while (!over || latenciesMs.length < LEAST_REQUESTS) {
    const startMs = performance.now()
    const stream = session.request({ ':path': '/ok' })
    const status = await once(stream, 'response').then(
      ([headers]) => headers[':status'] as number,
      () => 0,
    )
    stream.resume()
    latenciesMs.push(performance.now() - startMs)
    if (status !== 200) failed++
    await new Promise(resolve => setImmediate(resolve))
  }
  session.destroy()
  latenciesMs.sort((a, b) => a - b)
  return { failed, done: latenciesMs.length, p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)]! }
}
