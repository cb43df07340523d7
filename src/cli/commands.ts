import type { Output } from './output.ts'

/** A sub-command; its module is loaded only when it is asked for, which keeps the start of the proxy short. */
export interface Command {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<(argv: readonly string[], output: Output, onLive: () => void) => Promise<number>>
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'validate',
    summary: 'Check configuration files; exit 0 when all are good.',
    load: async () => (await import('./validate.ts')).validate,
  },
  {
    name: 'compat',
    summary: 'Say which parts of a configuration are supported, and which are refused and why.',
    load: async () => (await import('./compat.ts')).compat,
  },
  {
    name: 'explain',
    summary: 'Why a request takes its route, and why each host of a cluster is picked or not.',
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'reverse-proxy',
    summary: 'Proxy one address to another without a configuration file.',
    load: async () => (await import('./reverse-proxy.ts')).reverseProxy,
  },
  {
    name: 'ratelimit',
    summary: "Run a global rate limit service on envoyproxy/ratelimit's configuration files.",
    load: async () => (await import('./ratelimit.ts')).ratelimit,
  },
  {
    name: 'demo',
    summary: 'Run a small mesh on this machine, with traffic and a live summary.',
    load: async () => (await import('./demo.ts')).demo,
  },
]
