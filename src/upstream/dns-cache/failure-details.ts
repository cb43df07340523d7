// Why a name has no address, in the words that Envoy takes from c-ares.

const TEXTS: Readonly<Record<string, string>> = {
  ENODATA: 'DNS server returned answer with no data',
  EFORMERR: 'DNS server claims query was misformatted',
  ESERVFAIL: 'DNS server returned general failure',
  ENOTFOUND: 'Domain name not found',
  ENOTIMP: 'DNS server does not implement requested operation',
  EREFUSED: 'DNS server refused query',
  EBADQUERY: 'Misformatted DNS query',
  EBADNAME: 'Misformatted domain name',
  ECONNREFUSED: 'Could not contact DNS servers',
  ETIMEOUT: 'Timeout while contacting DNS servers',
}

const text = (code: string): string => (TEXTS[code] ?? code).replaceAll(' ', '_')

export const failureDetails = (code: string): string => `cares_failure:${text(code)}`
export const emptyDetails = (code: string | undefined): string => `cares_norecords:${text(code ?? 'ENODATA')}`
export const TIMED_OUT = 'resolve_timeout'
export const ADDRESS_DENIED = 'address_denied'
