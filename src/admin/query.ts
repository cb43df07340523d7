/** Parameters of one admin request; the first of equal names counts, a name without '=' has the value ''. */
export type QueryParams = ReadonlyMap<string, string>

/** The text of %XX escapes and '+'; broken escapes stay as they are, as Envoy leaves them. */
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  return spaced.replace(/(?:%[0-9a-fA-F]{2})+/g, run => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}

/** Parses 'a=1&b' as it stands in a query or in a form body. */
export function parseParams(text: string): Map<string, string> {
  const params = new Map<string, string>()
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals))
    if (!params.has(name)) params.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)))
  }
  return params
}
