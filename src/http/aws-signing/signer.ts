// Signs one request: the headers or the query parameters that AWS asks for.
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import { type AwsCredentials, type SigningAlgorithm, sha256 } from './algorithms.ts'
import {
  canonicalHeaders,
  canonicalPath,
  canonicalQuery,
  canonicalRequest,
  queryParameters,
  type SignsHeader,
  writtenQuery,
} from './canonical-request.ts'

const AUTHORIZATION = HeaderName.of('authorization')
const CONTENT_SHA256 = HeaderName.of('x-amz-content-sha256')
const DATE = HeaderName.of('x-amz-date')
const SECURITY_TOKEN = HeaderName.of('x-amz-security-token')
const REGION_SET = HeaderName.of('x-amz-region-set')

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'
export const EMPTY_PAYLOAD = sha256('')

export interface SignerSettings {
  readonly algorithm: SigningAlgorithm
  readonly service: string
  readonly region: string
  readonly signs: SignsHeader
  /** Seconds that a signature in the query holds; -1: it goes into headers. */
  readonly queryExpiresS: number
}

/** 20241231T235959Z */
function timeText(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '')
}

/** As Envoy: it goes into a header, also where the query is signed, unless a body was hashed for the query. */
export function nameContent(headers: HeaderMap, payloadHash: string): void {
  headers.set(CONTENT_SHA256, payloadHash)
}

export function signRequest(
  headers: HeaderMap,
  payloadHash: string,
  credentials: AwsCredentials,
  settings: SignerSettings,
  nowMs: number,
): void {
  const { algorithm, service, region } = settings
  const time = timeText(nowMs)
  const scope = { day: time.slice(0, 8), region, service }
  const scopeText = algorithm.scopeText(scope)
  const signatureOf = (query: string, signed: ReadonlyMap<string, string>): string => {
    const path = canonicalPath(pathOf(headers), service)
    const request = canonicalRequest(headers.method, path, query, signed, payloadHash)
    return algorithm.sign(`${algorithm.name}\n${time}\n${scopeText}\n${sha256(request)}`, credentials, scope)
  }
  if (settings.queryExpiresS >= 0) {
    signQuery(headers, credentials, settings, time, scopeText, signatureOf)
    return
  }
  headers.remove(SECURITY_TOKEN)
  headers.remove(DATE)
  headers.remove(AUTHORIZATION)
  if (credentials.sessionToken !== '') headers.append(SECURITY_TOKEN, credentials.sessionToken)
  headers.append(DATE, time)
  if (algorithm.hasRegionSet) headers.set(REGION_SET, region)
  const signed = canonicalHeaders(headers, settings.signs)
  const signature = signatureOf(canonicalQuery(queryParameters(queryOf(headers))), signed)
  const names = [...signed.keys()].join(';')
  headers.append(
    AUTHORIZATION,
    `${algorithm.name} Credential=${credentials.accessKeyId}/${scopeText}, SignedHeaders=${names}, Signature=${signature}`,
  )
}

function signQuery(
  headers: HeaderMap,
  credentials: AwsCredentials,
  { algorithm, region, signs, queryExpiresS }: SignerSettings,
  time: string,
  scopeText: string,
  signatureOf: (query: string, signed: ReadonlyMap<string, string>) => string,
): void {
  const signed = canonicalHeaders(headers, signs)
  const parameters = queryParameters(queryOf(headers))
  parameters.push(
    ['X-Amz-Algorithm', algorithm.name],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scopeText}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(queryExpiresS)],
    ['X-Amz-SignedHeaders', [...signed.keys()].join(';')],
  )
  if (credentials.sessionToken !== '') parameters.push(['X-Amz-Security-Token', credentials.sessionToken])
  if (algorithm.hasRegionSet) parameters.push(['X-Amz-Region-Set', region])
  parameters.push(['X-Amz-Signature', signatureOf(canonicalQuery(parameters), signed)])
  headers.path = `${pathOf(headers)}?${writtenQuery(parameters)}`
}

function pathOf({ path }: HeaderMap): string {
  const query = path.indexOf('?')
  return query < 0 ? path : path.slice(0, query)
}

function queryOf({ path }: HeaderMap): string {
  const query = path.indexOf('?')
  return query < 0 ? '' : path.slice(query + 1)
}
