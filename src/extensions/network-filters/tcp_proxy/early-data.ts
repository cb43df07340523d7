import type { UpstreamPipe } from './upstream-pipe.ts'

/** Client bytes that came before the upstream connection stood. */
export class EarlyData {
  private readonly chunks: Buffer[] = []
  bytes = 0

  add(data: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.copyBytesFrom(data, start, end - start))
    this.bytes += end - start
  }

  sendTo(upstream: UpstreamPipe): void {
    for (const chunk of this.chunks) upstream.write(chunk, 0, chunk.length)
    this.chunks.length = 0
    this.bytes = 0
  }
}
