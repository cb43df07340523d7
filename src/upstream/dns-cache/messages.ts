// What workers and main say to each other about the names of dynamic forward proxies: plain data.

/** From a worker: `key` is wanted, or has been used. */
export interface DnsCacheRequest {
  readonly cache: string
  /** 'host:port'. */
  readonly key: string
  /** Null: it is in use, so it must not be forgotten. */
  readonly resolve: { readonly host: string; readonly port: number } | null
}

/**
 * From main, behind the hosts themselves. `ready`: clusters have the host. `failed`: `details` tell why not.
 * `overflow`: the cache is full. `removed`: nobody has used it.
 */
export interface DnsCacheNews {
  readonly cache: string
  readonly key: string
  readonly state: 'ready' | 'failed' | 'overflow' | 'removed'
  readonly details: string
}
