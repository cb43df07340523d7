// HOT FILE (docs/hot-path.md): config.common.mutation_rules.v3.HeaderMutation, a list that is carried out in order.
import type { HeaderMutationJson } from '#api/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  type StringPredicate,
} from '../../config/index.ts'
import type { FormatContext } from '../../observability/index.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import {
  ADD_IF_ABSENT,
  compileHeaderValue,
  type HeaderValue,
  isModifiable,
  OVERWRITE_IF_EXISTS,
} from './header-value.ts'

declareSupport('envoy.config.common.mutation_rules.v3.HeaderMutation', {
  supported: ['remove', 'append', 'remove_on_match'],
})
declareSupport('envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch', { supported: ['key_matcher'] })

/** What every message needs; a matcher that takes one of them away would make each of them an error. */
const REQUIRED = [':method', ':path', ':authority', ':scheme', ':status']

interface Step {
  run(headers: HeaderMap, context: FormatContext): void
}

class Remove implements Step {
  private readonly name: HeaderName

  constructor(name: HeaderName) {
    this.name = name
  }

  run(headers: HeaderMap): void {
    headers.remove(this.name)
  }
}

class RemoveOnMatch implements Step {
  private readonly matches: StringPredicate

  constructor(matches: StringPredicate) {
    this.matches = matches
  }

  /** The host line is `:authority` to Envoy, and stays. */
  run(headers: HeaderMap): void {
    for (let i = 0; i < headers.length; i++) {
      if (headers.isRemoved(i)) continue
      const name = headers.nameAt(i)
      if (this.matches(name) && (name !== 'host' || headers.method === '')) headers.removeAt(i)
    }
  }
}

class Append implements Step {
  private readonly value: HeaderValue

  constructor(value: HeaderValue) {
    this.value = value
  }

  run(headers: HeaderMap, context: FormatContext): void {
    const { value } = this
    const text = value.evaluate(context)
    if (text === '' && !value.keepEmpty) return
    if (value.action === ADD_IF_ABSENT && headers.has(value.name)) return
    if (value.action === OVERWRITE_IF_EXISTS && !headers.has(value.name)) return
    // Unlike the mutations of routes, these put every overwritten header at the end, known to the proxy or not.
    if (value.overwrites) headers.remove(value.name)
    value.append(headers, text)
  }
}

/** Each mutation sees what those before it did. */
export class MutationList {
  readonly isEmpty: boolean
  private readonly steps: readonly Step[]

  constructor(steps: readonly Step[]) {
    this.steps = steps
    this.isEmpty = steps.length === 0
  }

  /** `headers` is the map to change; `context` is what formats read. */
  apply(headers: HeaderMap, context: FormatContext): void {
    for (let i = 0; i < this.steps.length; i++) this.steps[i]!.run(headers, context)
  }
}

export function compileMutationList(
  mutations: readonly HeaderMutationJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): MutationList {
  const steps: Step[] = []
  for (const [i, mutation] of (mutations ?? []).entries()) {
    const step = compileStep(mutation, context, path.index(i))
    if (step !== undefined) steps.push(step)
  }
  return new MutationList(steps)
}

/** Undefined after a diagnostic. */
function compileStep(mutation: HeaderMutationJson, context: CompileContext, path: ConfigPath): Step | undefined {
  if (mutation.append !== undefined) {
    const value = compileHeaderValue(mutation.append, context, path.field('append'))
    return value === undefined ? undefined : new Append(value)
  }
  if (mutation.removeOnMatch !== undefined) return compileRemoveOnMatch(mutation.removeOnMatch, context, path)
  const name = mutation.remove ?? ''
  if (isModifiable(name) && name !== '') return new Remove(HeaderName.of(name))
  context.diagnostics.error(path.field('remove'), `${name} cannot be removed by a header mutation`, {
    expected: 'a header name that is neither "host" nor starts with ":"',
    found: name,
  })
  return undefined
}

function compileRemoveOnMatch(
  { keyMatcher = {} }: NonNullable<HeaderMutationJson['removeOnMatch']>,
  context: CompileContext,
  path: ConfigPath,
): Step | undefined {
  const at = path.field('remove_on_match').field('key_matcher')
  const matches = compileStringMatcher(keyMatcher, context, at)
  const taken = REQUIRED.find(name => matches(name))
  if (taken === undefined) return new RemoveOnMatch(matches)
  context.diagnostics.error(at, `this matcher takes ${taken} as well, which no message can do without`, {
    expected: 'a matcher that no name with a leading ":" passes',
  })
  return undefined
}
