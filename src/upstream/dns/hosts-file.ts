import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'

/** Name (lower case) -> addresses, of the text of a hosts file. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>()
  for (const line of text.split(/\r?\n/)) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (address === undefined || isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase()
      const known = hosts.get(key)
      if (known === undefined) hosts.set(key, [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  return hosts
}

/** /etc/hosts, which a DNS query never sees but Envoy's resolver reads first. Read anew when it changes. */
export class HostsFile {
  private readonly path: string
  private stamp = ''
  private hosts: ReadonlyMap<string, readonly string[]> = new Map()

  constructor(path = '/etc/hosts') {
    this.path = path
  }

  /** The addresses of `name` of one family; undefined when the file does not know the name at all. */
  lookup(name: string, family: 4 | 6): readonly string[] | undefined {
    this.refresh()
    return this.hosts.get(name.toLowerCase().replace(/\.$/, ''))?.filter(address => isIP(address) === family)
  }

  private refresh(): void {
    const stat = statSync(this.path, { throwIfNoEntry: false })
    const stamp = stat === undefined ? '' : `${stat.mtimeMs} ${stat.size} ${stat.ino}`
    if (stamp === this.stamp) return
    this.stamp = stamp
    this.hosts = stat === undefined ? new Map() : parseHosts(readText(this.path))
  }
}

/** An unreadable hosts file is an empty one, as to every resolver. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
