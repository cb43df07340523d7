// CPU and memory of a process and its children, from /proc.
import { readdirSync, readFileSync } from 'node:fs'

const fieldsOf = (pid: number): string[] =>
  (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) as string).split(' ')

function family(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const parent = Number(fieldsOf(Number(entry))[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    } catch {
      // The process ended between the listing and the reading: it has no part in the sum.
    }
  }
  const walk = (parent: number): number[] => [parent, ...(children.get(parent) ?? []).flatMap(walk)]
  return walk(pid)
}

/** User and system time of the whole family in ms; ticks are 10 ms. */
export function cpuMs(pid: number): number {
  return family(pid).reduce((sum, member) => {
    const fields = fieldsOf(member)
    return sum + (Number(fields[11]) + Number(fields[12])) * 10
  }, 0)
}

/** Resident memory of the whole family in MiB. */
export function residentMiB(pid: number): number {
  const kb = family(pid).reduce((sum, member) => {
    const rss = /^Rss:\s+(\d+)/m.exec(readFileSync(`/proc/${member}/smaps_rollup`, 'utf8'))
    return sum + Number(rss?.[1] ?? 0)
  }, 0)
  return kb / 1024
}
