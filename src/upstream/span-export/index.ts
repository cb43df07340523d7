export { type CollectorAddress, type ConstantHeader, compileHttpService, HttpCollector } from './http-collector.ts'
export { SpanBuffer, type SpanSink } from './span-buffer.ts'
