import { networkInterfaces } from 'node:os'

let found: string | null = null

/** This machine's first address that others can reach: how the proxy names itself where it speaks for itself. */
export function ownAddress(): string {
  found ??=
    Object.values(networkInterfaces())
      .flatMap(list => list ?? [])
      .find(entry => !entry.internal && entry.family === 'IPv4')?.address ?? '127.0.0.1'
  return found
}
