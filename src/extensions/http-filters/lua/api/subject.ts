// Parts of a distinguished name in the form of RFC 2253, such as 'CN=a\, b,O=c'.

const PART = /(?:^|[,+])([A-Za-z0-9.]+)=((?:\\.|[^\\,+])*)/gs

const unescaped = (value: string): string => value.replace(/\\(.)/gs, '$1')

/** In the certificate's own order, which RFC 2253 turns round. */
function valuesOf(subject: string, type: string): readonly string[] {
  return [...subject.matchAll(PART)]
    .filter(([, name]) => name === type)
    .map(([, , value]) => unescaped(value!))
    .reverse()
}

export const commonName = (subject: string): string => valuesOf(subject, 'CN')[0] ?? ''

export const organizationNames = (subject: string): readonly string[] => valuesOf(subject, 'O')
