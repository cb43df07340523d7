// The last descriptors a process may have are kept free. Without one a connection can be neither taken nor turned away, and the
// event loop, told again and again that somebody waits, would spin.
import { readFileSync } from 'node:fs'
import type net from 'node:net'

/** Connections of clients leave so many free. */
const SPARE_OF_ACCEPTED = 32
/** Those to origins go on a little longer: a client that is in is worth more than one that is not. */
const SPARE_OF_CONNECTED = SPARE_OF_ACCEPTED / 2
/** Where there are few, a share of them. */
const SPARE_SHARE = 16
const REFRESH_MS = 1000

let acceptedBelow = Number.POSITIVE_INFINITY
let connectedBelow = Number.POSITIVE_INFINITY
let refreshedMs = Number.NEGATIVE_INFINITY

/** Reads the limit of this process, which may have been changed from outside; at most once a second. Only Linux tells. */
export function refreshDescriptorLimit(): void {
  const now = performance.now()
  if (now - refreshedMs < REFRESH_MS) return
  refreshedMs = now
  let limits = ''
  try {
    limits = readFileSync('/proc/self/limits', 'latin1')
  } catch {
    // Not Linux, or not one descriptor left to ask with: what was known stays.
    return
  }
  const limit = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  acceptedBelow = limit - Math.min(SPARE_OF_ACCEPTED, Math.ceil(limit / SPARE_SHARE))
  connectedBelow = limit - Math.min(SPARE_OF_CONNECTED, Math.ceil(limit / SPARE_SHARE / 2))
}
refreshDescriptorLimit()

/** An accepted handle has one of the descriptors that are to be free: it is to be closed. Not all handles tell theirs. */
export function isBeyondAccepted({ fd = -1 }: { readonly fd?: number }): boolean {
  if (fd < acceptedBelow) return false
  refreshDescriptorLimit()
  return fd >= acceptedBelow
}

/** The same of a handle that leads to an origin. */
export function isBeyondConnected({ fd = -1 }: { readonly fd?: number }): boolean {
  if (fd < connectedBelow) return false
  refreshDescriptorLimit()
  return fd >= connectedBelow
}

/** Fails a socket that has connected with one of the descriptors that are to be free. */
export function endWithoutDescriptor(socket: net.Socket): boolean {
  if (!isBeyondConnected((socket as unknown as { _handle: { readonly fd?: number } | null })._handle ?? {}))
    return false
  socket.destroy(Object.assign(new Error('no descriptor to spare'), { code: 'EMFILE' }))
  return true
}
