import { loadResource, renderDiagnostics } from '../../../config/index.ts'
import type { Answer, Status } from '../answer.ts'
import { CodeOverLimit } from '../answer.ts'
import { UNIT_NAMES, unitNumber } from '../config/unit.ts'
import type { Descriptor, RateLimitRequest } from '../wire/rate-limit-request.ts'

const TYPE = 'envoy.service.ratelimit.v3.RateLimitRequest'

/** What the check of a RateLimitRequest in JSON leaves: known fields only, in lower camel case. */
interface RequestJson {
  readonly domain?: string
  readonly hitsAddend?: number
  readonly descriptors?: readonly {
    readonly entries?: readonly { readonly key?: string; readonly value?: string }[]
    readonly limit?: {
      readonly requestsPerUnit?: number
      readonly unit?: string
      readonly unitMultiplier?: number
    }
    readonly hitsAddend?: number | string
    readonly isNegativeHits?: boolean
  }[]
}

/** A request in protobuf's JSON form; a text is what is wrong with it. */
export function parseJsonRequest(text: string): RateLimitRequest | string {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return `${(error as Error).message}\n`
  }
  const { resource, diagnostics, sources } = loadResource(TYPE, { json }, { checkSupport: false })
  if (resource === undefined) return renderDiagnostics(diagnostics.list, sources)
  const { domain = '', hitsAddend = 0, descriptors = [] } = resource as RequestJson
  return { domain, hitsAddend, descriptors: descriptors.map(readDescriptor) }
}

function readDescriptor(descriptor: NonNullable<RequestJson['descriptors']>[number]): Descriptor {
  const { entries = [], limit, hitsAddend, isNegativeHits } = descriptor
  return {
    entries: entries.map(({ key = '', value = '' }) => ({ key, value })),
    limit:
      limit === undefined
        ? null
        : {
            requestsPerUnit: limit.requestsPerUnit ?? 0,
            unit: unitNumber(limit.unit ?? ''),
            unitMultiplier: limit.unitMultiplier ?? 1,
          },
    hitsAddend: hitsAddend === undefined ? -1 : Number(hitsAddend),
    negativeHits: isNegativeHits === true,
  }
}

const codeName = (code: number): string => (code === CodeOverLimit ? 'OVER_LIMIT' : 'OK')

/** A response in protobuf's JSON form, where fields of value 0 are left out. */
export function jsonResponse({ overallCode, statuses, responseHeaders }: Answer): string {
  const headers = responseHeaders.map(([key, value]) => ({ key, value }))
  return JSON.stringify({
    overallCode: codeName(overallCode),
    statuses: statuses.map(jsonStatus),
    ...(headers.length === 0 ? {} : { responseHeadersToAdd: headers }),
  })
}

function jsonStatus({ code, limit, remaining, secondsUntilReset }: Status): object {
  const currentLimit = limit === null ? undefined : jsonLimit(limit.requestsPerUnit, limit.unit, limit.facts.name)
  return {
    code: codeName(code),
    ...(currentLimit === undefined ? {} : { currentLimit }),
    ...(remaining === 0 ? {} : { limitRemaining: remaining }),
    ...(secondsUntilReset < 0 ? {} : { durationUntilReset: `${secondsUntilReset}s` }),
  }
}

function jsonLimit(requestsPerUnit: number, unit: number, name: string): object {
  return {
    ...(name === '' ? {} : { name }),
    ...(requestsPerUnit === 0 ? {} : { requestsPerUnit }),
    unit: UNIT_NAMES[unit],
  }
}
