import type { FilterStateObject } from '../../../observability/index.ts'

/** What access logs see of the filter state; as the proto message of that name prints in JSON. */
export class MessageCounts implements FilterStateObject {
  requests = 0
  responses = 0

  toJSON(): object {
    const { requests, responses } = this
    return {
      ...(requests > 0 ? { requestMessageCount: String(requests) } : {}),
      ...(responses > 0 ? { responseMessageCount: String(responses) } : {}),
    }
  }

  serializeAsString(): string {
    return `${this.requests},${this.responses}`
  }
}
