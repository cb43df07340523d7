// HOT FILE (docs/hot-path.md): which of a stream's compressors the client wants (RFC 9110, 12.5.3).

/** A compressor that may serve this response. */
export interface Candidate {
  readonly encoding: string
  /** Of encodings wanted equally it goes before those that the client names earlier. */
  readonly chooseFirst: boolean
}

/** `encoding` is to be used; null: none, for the reason in `stat`. */
export interface EncodingDecision {
  readonly encoding: string | null
  readonly stat: 'used' | 'wildcard' | 'identity' | 'not_valid'
}

const NOT_VALID: EncodingDecision = { encoding: null, stat: 'not_valid' }
const IDENTITY: EncodingDecision = { encoding: null, stat: 'identity' }
const QUALITY = /^\s*q\s*=\s*(.*)$/i
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

function qualityOf(parameters: string): number {
  const match = QUALITY.exec(parameters)
  if (match === null) return 1
  const text = match[1]!.trim()
  return NUMBER.test(text) ? Number(text) : Number.NaN
}

/** `candidates`: in the order of the chain, of each encoding only the first. As Envoy; encodings are compared by case. */
export function chooseEncoding(acceptEncoding: string, candidates: readonly Candidate[]): EncodingDecision {
  let excluded = 0
  let best = ''
  let bestQuality = 0
  for (const element of acceptEncoding.split(',')) {
    const semicolon = element.indexOf(';')
    const encoding = (semicolon < 0 ? element : element.slice(0, semicolon)).trim()
    const quality = semicolon < 0 ? 1 : qualityOf(element.slice(semicolon + 1))
    if (Number.isNaN(quality)) continue
    const index = indexOf(candidates, encoding)
    if (quality === 0) {
      if (index >= 0) excluded |= 1 << index
      continue
    }
    if (index < 0 && encoding !== 'identity' && encoding !== '*') continue
    if (quality > bestQuality || (quality === bestQuality && index >= 0 && candidates[index]!.chooseFirst)) {
      best = encoding
      bestQuality = quality
    }
  }
  return decide(candidates, excluded, best)
}

function decide(candidates: readonly Candidate[], excluded: number, best: string): EncodingDecision {
  const first = candidates.findIndex((_, i) => (excluded & (1 << i)) === 0)
  if (first < 0 || best === '') return NOT_VALID
  if (best === 'identity') return IDENTITY
  if (best === '*') return { encoding: candidates[first]!.encoding, stat: 'wildcard' }
  return (excluded & (1 << indexOf(candidates, best))) === 0 ? { encoding: best, stat: 'used' } : NOT_VALID
}

function indexOf(candidates: readonly Candidate[], encoding: string): number {
  for (let i = 0; i < candidates.length; i++) if (candidates[i]!.encoding === encoding) return i
  return -1
}
