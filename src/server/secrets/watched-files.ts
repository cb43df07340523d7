import { statSync } from 'node:fs'

const INTERVAL_MS = 250
/** With very many files looking at each costs something: never more than a few percent of a core. */
const MS_PER_FILE = 2

interface WatchedFile {
  /** What the files looked like when they were last read. */
  read: string
  /** At the last look. */
  seen: string
}

/**
 * Notices that files were replaced, whatever the way: written in place, renamed over, or a link above them swapped. It
 * looks at them; notifications of the system follow no links and know nothing of network file systems. A change counts
 * once nothing has moved for one interval, so that a file under way is not read in halves.
 */
export class WatchedFiles {
  private readonly files = new Map<string, WatchedFile>()
  private timer: NodeJS.Timeout | null = null

  add(file: string): void {
    if (this.files.has(file)) return
    const now = signatureOf(file)
    this.files.set(file, { read: now, seen: now })
  }

  /** Calls `onChange` with the files that changed, once they are settled. */
  start(onChange: (files: ReadonlySet<string>) => void): void {
    const look = (): void => {
      const changed = this.look()
      if (changed.size > 0) onChange(changed)
      this.timer = setTimeout(look, Math.max(INTERVAL_MS, this.files.size * MS_PER_FILE)).unref()
    }
    this.timer ??= setTimeout(look, INTERVAL_MS).unref()
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  private look(): ReadonlySet<string> {
    const changed = new Set<string>()
    for (const [name, file] of this.files) {
      const now = signatureOf(name)
      if (now !== file.read && now === file.seen) {
        file.read = now
        changed.add(name)
      }
      file.seen = now
    }
    return changed
  }
}

/** Changes whenever the content may have; '' when there is no such file. */
function signatureOf(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    return '' // Gone: reading it, when it is asked for, tells why.
  }
}
