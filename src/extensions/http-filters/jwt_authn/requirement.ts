// What a rule asks for: a tree of providers.
import type { JwtRequirementJson } from '#api/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts'
import { type CompileContext, type ConfigPath, nearestName } from '../../../config/index.ts'
import { audienceSet, type Provider } from './provider.ts'
import { JwtMissed, type JwtStatus, JwtUnknownIssuer } from './status.ts'

/** Keys are on their way: ask again when they are there. */
export const Waiting = Symbol('waiting')
/** Null: fine. */
export type Outcome = JwtStatus | null | typeof Waiting

/** Looks at the tokens of one request. */
export interface Verifier {
  /** All tokens in this provider's places must be good, and there must be one. */
  verify(provider: Provider, audiences: ReadonlySet<string>): Outcome
  /** Tokens of any provider; the outcome of the last one, or JwtMissed without one. */
  verifyAny(): Outcome
  /** The origin is told that a token is not good. */
  markUnverified(): void
}

export type Requirement = (verifier: Verifier) => Outcome

const NOTHING: Requirement = () => null

export type Providers = ReadonlyMap<string, Provider>

export function compileRequirement(
  json: JwtRequirementJson,
  providers: Providers,
  context: CompileContext,
  path: ConfigPath,
): Requirement {
  if (json.providerName !== undefined) {
    return ofProvider(json.providerName, null, providers, context, path.field('provider_name'))
  }
  if (json.providerAndAudiences !== undefined) {
    const { providerName = '', audiences } = json.providerAndAudiences
    const at = path.field('provider_and_audiences').field('provider_name')
    return ofProvider(providerName, audienceSet(audiences), providers, context, at)
  }
  if (json.requiresAll !== undefined) {
    const at = path.field('requires_all').field('requirements')
    const all = (json.requiresAll.requirements ?? []).map((one, i) =>
      compileRequirement(one, providers, context, at.index(i)),
    )
    return verifier => firstProblem(all, verifier)
  }
  if (json.requiresAny !== undefined) {
    return compileAny(json.requiresAny.requirements ?? [], providers, context, path.field('requires_any'))
  }
  if (json.allowMissing !== undefined) {
    return verifier => {
      const outcome = verifier.verifyAny()
      return outcome === JwtMissed ? null : outcome
    }
  }
  if (json.allowMissingOrFailed !== undefined) {
    return verifier => (verifier.verifyAny() === Waiting ? Waiting : null)
  }
  if (json.extractOnlyWithoutValidation !== undefined) {
    // As Envoy: signatures are checked after all, but nobody is refused.
    return verifier => {
      const outcome = verifier.verifyAny()
      if (outcome === Waiting) return Waiting
      if (outcome !== null && outcome !== JwtMissed) verifier.markUnverified()
      return null
    }
  }
  return NOTHING
}

function ofProvider(
  name: string,
  audiences: ReadonlySet<string> | null,
  providers: Providers,
  context: CompileContext,
  path: ConfigPath,
): Requirement {
  const provider = providers.get(name)
  if (provider === undefined) {
    const suggestion = nearestName(name, providers.keys())
    context.diagnostics.error(path, `unknown provider ${name}`, {
      expected: 'one of the providers',
      found: name,
      ...(suggestion === undefined ? {} : { suggestion }),
    })
    return NOTHING
  }
  const wanted = audiences === null || audiences.size === 0 ? provider.audiences : audiences
  return verifier => verifier.verify(provider, wanted)
}

function firstProblem(all: readonly Requirement[], verifier: Verifier): Outcome {
  for (const requirement of all) {
    const outcome = requirement(verifier)
    if (outcome !== null) return outcome
  }
  return null
}

function compileAny(
  list: readonly JwtRequirementJson[],
  providers: Providers,
  context: CompileContext,
  path: ConfigPath,
): Requirement {
  const mayMiss = list.some(({ allowMissing }) => allowMissing !== undefined)
  const mayFail = list.some(({ allowMissingOrFailed }) => allowMissingOrFailed !== undefined)
  const at = path.field('requirements')
  const some = list.flatMap((one, i) =>
    one.allowMissing !== undefined || one.allowMissingOrFailed !== undefined
      ? []
      : [compileRequirement(one, providers, context, at.index(i))],
  )
  return verifier => {
    const outcome = anyOf(some, verifier)
    if (outcome === Waiting) return Waiting
    return mayFail || (mayMiss && outcome === JwtMissed) ? null : outcome
  }
}

/** The first that is fine; else the problem that says most. */
function anyOf(some: readonly Requirement[], verifier: Verifier): Outcome {
  let worst: JwtStatus = JwtMissed
  for (const requirement of some) {
    const outcome = requirement(verifier)
    if (outcome === null || outcome === Waiting) return outcome
    if (weight(outcome) >= weight(worst)) worst = outcome
  }
  return worst
}

function weight(status: JwtStatus): number {
  return status === JwtMissed ? 0 : status === JwtUnknownIssuer ? 1 : 2
}
