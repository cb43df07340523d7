// What DNS clusters ask for names; one interface so that tests answer themselves.

export interface DnsRecord {
  readonly address: string
  /** Seconds; 0: do not derive the refresh rate from it. */
  readonly ttlS: number
}

/**
 * `resolved`: what there is, perhaps nothing, and then `code` may tell why (NXDOMAIN and NODATA are answers too). `failure`: no answer (SERVFAIL,
 * timeout, refused); `code` is the resolver's error code.
 */
export type DnsAnswer =
  | { readonly kind: 'resolved'; readonly records: readonly DnsRecord[]; readonly code?: string }
  | { readonly kind: 'failure'; readonly code: string }

export interface DnsResolver {
  /** Never rejects. */
  resolve(name: string, family: 4 | 6): Promise<DnsAnswer>
}
