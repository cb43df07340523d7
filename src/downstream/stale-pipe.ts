import fs from 'node:fs'
import net from 'node:net'

/**
 * Removes the socket file that a dead process left at `path`, so that it can be bound again. A file that is no socket,
 * or a socket that somebody still accepts on, stays: binding then fails with EADDRINUSE.
 */
export async function removeStalePipe(path: string): Promise<void> {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isSocket()) return
  if (!(await isAccepting(path))) fs.rmSync(path, { force: true })
}

function isAccepting(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = net.connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      probe.destroy()
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}
