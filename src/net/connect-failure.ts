/** Node's error codes in the words that Envoy (the C library) prints for them. */
const ERRNO_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  ETIMEDOUT: 'Connection timed out',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ENOENT: 'No such file or directory',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EMFILE: 'Too many open files',
  EACCES: 'Permission denied',
}

/** The C library's words for one of Node's error codes. */
export function errnoWords(code: string): string {
  return ERRNO_WORDS[code] ?? code
}

/** %UPSTREAM_TRANSPORT_FAILURE_REASON% of a connection that was never established. */
export function connectFailureText(errno: string): string {
  if (errno.startsWith('TLS_error:')) return errno
  return `delayed connect error: ${errnoWords(errno)}`
}
