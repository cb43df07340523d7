import { type FSWatcher, lstatSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

const INTERVAL_MS = 250
/** With very many files looking at each costs something: never more than a few percent of a core. */
const MS_PER_FILE = 2
/** After something moved in a folder: what came by a rename is complete, so it need not be waited for long. */
const MOVED_MS = 10

interface WatchedFile {
  readonly folders: ReadonlySet<string>
  /** What the files looked like when they were last read. */
  read: Signature
  /** At the last look. */
  seen: Signature
}

interface WatchedFolder {
  /** Null where the system does not notify. */
  readonly watcher: FSWatcher | null
  files: number
}

/** Device and inode, and what changes with the content; both '' when there is no such file. */
interface Signature {
  readonly identity: string
  readonly content: string
}

/**
 * Notices that files were replaced, whatever the way: written in place, renamed over, or a link above them swapped. It
 * looks at them; notifications of the system follow no links and know nothing of network file systems, so they only make
 * it look earlier. A change counts once nothing has moved for one interval, so that a file under way is not read in halves.
 */
export class WatchedFiles {
  private readonly files = new Map<string, WatchedFile>()
  private readonly folders = new Map<string, WatchedFolder>()
  private readonly moved = new Set<string>()
  private onChange: ((files: ReadonlySet<string>) => void) | null = null
  private timer: NodeJS.Timeout | null = null
  private movedTimer: NodeJS.Timeout | null = null

  /** `folder`: another place where a move may bring a new version. */
  add(file: string, folder: string | null = null): void {
    if (this.files.has(file)) return
    const now = signatureOf(file)
    const folders = new Set([dirname(file), ...(folder === null ? [] : [folder])])
    this.files.set(file, { folders, read: now, seen: now })
    if (this.onChange !== null) for (const name of folders) this.enter(name)
  }

  remove(file: string): void {
    const folders = this.files.get(file)?.folders ?? []
    this.files.delete(file)
    for (const name of folders) {
      const folder = this.folders.get(name)
      if (folder === undefined || --folder.files > 0) continue
      folder.watcher?.close()
      this.folders.delete(name)
    }
  }

  /** Calls `onChange` with the files that changed, once they are settled. */
  start(onChange: (files: ReadonlySet<string>) => void): void {
    if (this.onChange !== null) return
    this.onChange = onChange
    for (const { folders } of this.files.values()) for (const name of folders) this.enter(name)
    const look = (): void => {
      this.look()
      this.timer = setTimeout(look, Math.max(INTERVAL_MS, this.files.size * MS_PER_FILE)).unref()
    }
    this.timer = setTimeout(look, INTERVAL_MS).unref()
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    if (this.movedTimer !== null) clearTimeout(this.movedTimer)
    for (const { watcher } of this.folders.values()) watcher?.close()
    this.folders.clear()
    this.timer = this.movedTimer = this.onChange = null
  }

  private enter(name: string): void {
    const known = this.folders.get(name)
    if (known !== undefined) known.files++
    else this.folders.set(name, { watcher: this.watch(name), files: 1 })
  }

  private watch(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, { persistent: false }, event => {
        if (event === 'rename') this.onMoved(folder)
      })
      return watcher.on('error', () => watcher.close())
    } catch {
      return null // No folder yet, or no more notifications to be had: looking finds the change all the same.
    }
  }

  private onMoved(folder: string): void {
    this.moved.add(folder)
    this.movedTimer ??= setTimeout(() => this.lookAtMoved(), MOVED_MS).unref()
  }

  private lookAtMoved(): void {
    this.movedTimer = null
    const folders = new Set(this.moved)
    this.moved.clear()
    const changed = new Set<string>()
    for (const [name, file] of this.files) {
      if (file.folders.isDisjointFrom(folders)) continue
      const now = signatureOf(name)
      if (now.identity === file.read.identity || now.identity === '') continue
      if (same(now, file.seen)) {
        file.read = now
        changed.add(name)
      } else {
        file.seen = now
        for (const folder of folders) this.onMoved(folder)
      }
    }
    if (changed.size > 0) this.onChange?.(changed)
  }

  private look(): void {
    const changed = new Set<string>()
    for (const [name, file] of this.files) {
      const now = signatureOf(name)
      if (!same(now, file.read) && same(now, file.seen)) {
        file.read = now
        changed.add(name)
      }
      file.seen = now
    }
    if (changed.size > 0) this.onChange?.(changed)
  }
}

function same(a: Signature, b: Signature): boolean {
  return a.identity === b.identity && a.content === b.content
}

function signatureOf(file: string): Signature {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
    // A link that was swapped for one to the same place counts too: what it leads to may have changed deep inside.
    return {
      identity: `${dev} ${ino} ${lstatSync(file, { bigint: true }).ino}`,
      content: `${size} ${mtimeNs} ${ctimeNs}`,
    }
  } catch {
    return { identity: '', content: '' } // Gone: reading it, when it is asked for, tells why.
  }
}
