// The shares of traces that the agent asks for, by service: it says them with each answer.
const KNUTH = 1111111111111111111n

/** As dd-trace decides: the agent's word ('-1') or, as long as it has said nothing, all ('-0'). */
export interface RateDecision {
  readonly keep: boolean
  readonly rate: number
  readonly decisionMaker: '-0' | '-1'
}

export class AgentRates {
  private readonly service: string
  private rate: number | null = null

  constructor(service: string) {
    this.service = service
  }

  /** The body of an answer; what is no such answer changes nothing. */
  update(body: string): void {
    const rates = ratesIn(body)
    const own = rates?.[`service:${this.service},env:`] ?? rates?.['service:,env:']
    if (typeof own === 'number' && own >= 0 && own <= 1) this.rate = own
  }

  /** `traceId` in hex; its lower half decides, the same for all services. */
  decide(traceId: string): RateDecision {
    const { rate } = this
    if (rate === null) return { keep: true, rate: 1, decisionMaker: '-0' }
    const low = BigInt(`0x${traceId.slice(16)}`)
    const share = BigInt(Math.floor(rate * 2 ** 53)) << 11n
    return { keep: BigInt.asUintN(64, low * KNUTH) < share, rate, decisionMaker: '-1' }
  }
}

function ratesIn(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return (JSON.parse(body) as { rate_by_service?: Record<string, unknown> } | null)?.rate_by_service
  } catch {
    // Old agents answer with a word.
    return undefined
  }
}
