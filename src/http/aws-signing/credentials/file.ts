// AWS's credentials and config files: sections of names and values.
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { AwsCredentials } from '../algorithms.ts'

export const profileName = (configured: string): string => configured || process.env['AWS_PROFILE'] || 'default'

/** The section of a profile; names in lower case. */
export function profileOf(text: string, profile: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  let inside = false
  for (const line of text.split('\n').map(each => each.trim())) {
    const section = /^\[\s*(?:profile\s+)?([^\]]*?)\s*\]/.exec(line)
    if (section !== null) inside = section[1] === profile
    const equals = line.indexOf('=')
    if (!inside || section !== null || equals < 0 || line.startsWith('#') || line.startsWith(';')) continue
    fields.set(line.slice(0, equals).trim().toLowerCase(), line.slice(equals + 1).trim())
  }
  return fields
}

export function credentialsOf(fields: ReadonlyMap<string, string>): AwsCredentials | null {
  const accessKeyId = fields.get('aws_access_key_id') ?? ''
  const secretAccessKey = fields.get('aws_secret_access_key') ?? ''
  if (accessKeyId === '' || secretAccessKey === '') return null
  return { accessKeyId, secretAccessKey, sessionToken: fields.get('aws_session_token') ?? '' }
}

/** Null where there is no such file, or it may not be read: the next source is asked then. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // As for AWS's own tools, these files may be missing.
    return null
  }
}

const REFRESH_MS = 3_600_000

/** The usual credentials file; read again every hour. */
export function credentialsFile(profile: string, now: () => number = Date.now): () => AwsCredentials | null {
  let found: AwsCredentials | null = null
  let readMs = Number.NEGATIVE_INFINITY
  return () => {
    if (now() - readMs < REFRESH_MS) return found
    readMs = now()
    const file = process.env['AWS_SHARED_CREDENTIALS_FILE'] || join(homedir(), '.aws', 'credentials')
    const text = textOf(file)
    found = text === null ? null : credentialsOf(profileOf(text, profile))
    return found
  }
}

export function environmentCredentials(): AwsCredentials | null {
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = process.env
  if (accessKeyId === '' || secretAccessKey === '') return null
  return { accessKeyId, secretAccessKey, sessionToken: process.env['AWS_SESSION_TOKEN'] ?? '' }
}

/** Where requests go that name no region; '' where nobody says. SigV4A has sets of them. */
export function defaultRegion(isSet: boolean, profile: string): string {
  const { AWS_SIGV4A_SIGNING_REGION_SET: set, AWS_REGION: region, AWS_DEFAULT_REGION: fallback } = process.env
  const named = (isSet ? set : undefined) || region || fallback
  if (named) return named
  const files = [
    process.env['AWS_SHARED_CREDENTIALS_FILE'] || join(homedir(), '.aws', 'credentials'),
    process.env['AWS_CONFIG_FILE'] || join(homedir(), '.aws', 'config'),
  ]
  for (const file of files) {
    const fields = profileOf(textOf(file) ?? '', profile)
    const found = (isSet ? fields.get('sigv4a_signing_region_set') : undefined) || fields.get('region')
    if (found) return found
  }
  return ''
}
