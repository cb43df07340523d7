import { LogFile, type LogFileStats, statTemplate } from '../observability/index.ts'
import type { ThreadContext } from './thread.ts'

const FILESYSTEM_STATS = statTemplate({
  counters: ['write_buffered', 'write_completed', 'write_failed', 'flushed_by_timer', 'reopen_failed'],
  gauges: [],
  histograms: [],
})

/** The access log files of one thread, each opened once however many loggers write to it. */
class LogFiles {
  flushMs: number | undefined
  readonly byPath = new Map<string | number, LogFile>()
  readonly stats: LogFileStats

  constructor(thread: ThreadContext) {
    const { cells } = thread.stats.block('filesystem.', FILESYSTEM_STATS)
    const count = (name: string): (() => void) => {
      const slot = FILESYSTEM_STATS.slot(name)
      return () => {
        cells[slot]! += 1
      }
    }
    this.stats = {
      writeBuffered: count('write_buffered'),
      writeCompleted: count('write_completed'),
      writeFailed: count('write_failed'),
      flushedByTimer: count('flushed_by_timer'),
      reopenFailed: count('reopen_failed'),
    }
  }
}

const filesOfThread = new WeakMap<ThreadContext, LogFiles>()

function filesOf(thread: ThreadContext): LogFiles {
  let files = filesOfThread.get(thread)
  if (files === undefined) {
    files = new LogFiles(thread)
    filesOfThread.set(thread, files)
  }
  return files
}

/** How long lines wait for company before they are written (--file-flush-interval-msec); for files opened from now on. */
export function setLogFlushInterval(thread: ThreadContext, flushMs: number): void {
  filesOf(thread).flushMs = flushMs
}

/** The thread's log file of `path`, or of an open descriptor. Throws the system's error when it cannot be opened. */
export function openLogFile(thread: ThreadContext, path: string | number): LogFile {
  const files = filesOf(thread)
  let file = files.byPath.get(path)
  if (file === undefined) {
    file = new LogFile(path, files.stats, files.flushMs)
    files.byPath.set(path, file)
  }
  return file
}

/** Opens every log file of the thread anew: the old ones were moved away. */
export function reopenLogFiles(thread: ThreadContext): void {
  for (const file of filesOf(thread).byPath.values()) file.reopen()
}

/** Writes all lines of the thread; resolves when it may end. */
export async function finishLogFiles(thread: ThreadContext): Promise<void> {
  await Promise.all(Array.from(filesOf(thread).byPath.values(), file => file.finish()))
}
