import fs from 'node:fs'
import { dirname } from 'node:path'

/** Why a log file at `path` could not be appended to, as far as can be told without making it; null: nothing speaks against it. */
export function whyNotWritable(path: string): string | null {
  try {
    if (fs.existsSync(path)) fs.accessSync(path, fs.constants.W_OK)
    else fs.accessSync(dirname(path), fs.constants.W_OK | fs.constants.X_OK)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
