// How connections end.

/** Who ended a connection. */
export type CloseEvent = 'remote' | 'local'

/** Drop what is buffered. */
export const CloseNoFlush = 0
/** Send what is buffered, then close. */
export const CloseFlush = 1
/** Send what is buffered and a FIN, then read and discard until the peer closes too or the delay ends (RFC 9112, 9.6). */
export const CloseFlushAndDelay = 2
/** Reset the connection. */
export const CloseAbort = 3
/** Send what is buffered, but no FIN, drop what has come, read nothing more, and close after the delay, as Envoy does. */
export const CloseFlushAndHold = 4
export type CloseKind =
  | typeof CloseNoFlush
  | typeof CloseFlush
  | typeof CloseFlushAndDelay
  | typeof CloseAbort
  | typeof CloseFlushAndHold
