import { getHeapSnapshot, getHeapStatistics } from 'node:v8'
import { type Endpoint, json, text } from '../endpoint.ts'

/** envoy.admin.v3.Memory with V8's and the system's figures in the places that mean the same. */
export const memory: Endpoint = {
  path: '/memory',
  help: 'print current allocation/heap usage',
  handle: () => {
    const heap = getHeapStatistics()
    const usage = process.memoryUsage()
    return json({
      allocated: String(heap.used_heap_size + usage.external),
      heap_size: String(heap.total_heap_size + usage.external),
      pageheap_unmapped: '0',
      pageheap_free: String(heap.total_heap_size - heap.used_heap_size),
      total_thread_cache: '0',
      total_physical_bytes: String(usage.rss),
    })
  },
}

export const tcmalloc: Endpoint = {
  path: '/memory/tcmalloc',
  help: 'print TCMalloc stats',
  handle: () => text('This build does not use TCMalloc; see /memory\n', 501),
}

/** Taking a snapshot stops the main thread for as long as it takes; workers go on. */
export const heapDump: Endpoint = {
  path: '/heap_dump',
  help: 'dump the heap of the main thread (V8 heap snapshot)',
  handle: () => ({ status: 200, contentType: 'application/octet-stream', body: getHeapSnapshot() }),
}

export const peakHeapDump: Endpoint = {
  path: '/peak_heap_dump',
  help: 'dump peak Envoy heap (if supported)',
  handle: () => text('V8 does not record the peak of the heap; see /heap_dump\n', 501),
}

export const contention: Endpoint = {
  path: '/contention',
  help: 'dump current Envoy mutex contention stats (if enabled)',
  handle: () => text('Mutex contention tracing is not enabled. To enable, run Envoy with flag --enable-mutex-tracing.'),
}
