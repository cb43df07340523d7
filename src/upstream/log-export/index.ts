export { EntryBuffer, LOG_EXPORT_STATS, type LogExporter } from './entry-buffer.ts'
export { messageFields } from './wire.ts'
