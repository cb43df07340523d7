import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../config/index.ts'
import { TreeCompiler } from './matcher-tree.ts'

type Subject = Readonly<Record<string, string>>

function compile(json: MatcherJson) {
  const context: CompileContext = {
    diagnostics: new Diagnostics(),
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: path => Buffer.from(path),
  }
  const input = (type: string, config: object) => {
    const { key } = config as { readonly key: string }
    return type === 'field' ? (subject: Subject) => subject[key] ?? null : undefined
  }
  const action = ({ name = '' }) => name
  const tree = new TreeCompiler<Subject, string>({ input, inputNames: ['field'], action }, context).compile(
    json,
    ConfigPath.root.field('matcher'),
  )
  return { tree, complaints: context.diagnostics.list.map(({ path, message }) => `${path}: ${message}`) }
}

const typed = (type: string, config: object = {}) => ({
  name: 'n',
  typedConfig: { '@type': `t/${type}`, ...config } as never,
})
const field = (key: string) => typed('field', { key })
const found = (name: string) => ({ action: { name } })

test('server names: exact, the longest wildcard, any; a branch that leads nowhere is left', () => {
  const nowhere = { matcher: { matcherTree: { input: field('b'), exactMatchMap: { map: { x: found('x') } } } } }
  const domainMatchers = [
    { domains: ['a.b.test'], onMatch: nowhere },
    { domains: ['*.b.test'], onMatch: found('wild') },
    { domains: ['*'], onMatch: found('any') },
  ]
  const { tree } = compile({
    matcherTree: { input: field('a'), customMatch: typed('xds.type.matcher.v3.ServerNameMatcher', { domainMatchers }) },
  })
  const names = ['a.b.test', 'A.B.TEST', 'c.d.b.test', 'b.test', '']
  assert.deepEqual(
    names.map(a => tree.find({ a })),
    ['wild', 'wild', 'wild', 'any', null],
  )
  assert.equal(tree.find({ a: 'a.b.test', b: 'x' }), 'x')
})

test('what is not offered is said where it stands', () => {
  const predicate = (input: object, match: object) => ({ singlePredicate: { input, ...match } })
  const { complaints } = compile({
    matcherList: {
      matchers: [
        { predicate: predicate(typed('nothing'), { valueMatch: { exact: 'a' } }), onMatch: found('a') },
        { predicate: predicate(field('a'), { customMatch: typed('cel') }), onMatch: found('b') },
      ],
    },
    onNoMatch: { matcher: { matcherTree: { input: field('a'), customMatch: typed('other') } } },
  })
  assert.deepEqual(complaints.sort(), [
    'matcher.matcher_list.matchers[0].predicate.single_predicate.input.typed_config: nothing cannot be looked at here',
    'matcher.matcher_list.matchers[1].predicate.single_predicate.custom_match.typed_config: no such matcher: cel',
    'matcher.on_no_match.matcher.matcher_tree.custom_match.typed_config: no such matcher: other',
  ])
})

/** Numerical Recipes' generator: the same trees in every run. */
function generator(seed: number): (n: number) => number {
  return n => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 0x100000000) * n)
  }
}

type Random = ReturnType<typeof generator>
const VALUES = ['', 'a', 'ab', 'abc', 'b', 'ba']

/** A random tree, and what it means, evaluated in the plainest way. */
function randomTree(random: Random, depth: number): { json: MatcherJson; run: (subject: Subject) => string | null } {
  const onMatch = () => {
    if (depth > 0 && random(2) === 0) {
      const inner = randomTree(random, depth - 1)
      return { json: { matcher: inner.json }, run: inner.run }
    }
    const name = `${random(1000)}`
    return { json: found(name), run: () => name }
  }
  const key = 'xy'[random(2)]!
  const otherwise = random(2) === 0 ? onMatch() : null
  const entries = Array.from({ length: 1 + random(3) }, () => ({ value: VALUES[1 + random(5)]!, on: onMatch() }))
  const unique = entries.filter(({ value }, i) => entries.findIndex(other => other.value === value) === i)
  const kind = random(3)
  const map = Object.fromEntries(unique.map(({ value, on }) => [value, on.json]))
  const json: MatcherJson =
    kind === 0
      ? { matcherTree: { input: field(key), exactMatchMap: { map } } }
      : kind === 1
        ? { matcherTree: { input: field(key), prefixMatchMap: { map } } }
        : {
            matcherList: {
              matchers: entries.map(({ value, on }) => ({
                predicate: { notMatcher: { singlePredicate: { input: field(key), valueMatch: { contains: value } } } },
                onMatch: on.json,
              })),
            },
          }
  const run = (subject: Subject): string | null => {
    const value = subject[key]
    let fitting = kind === 2 ? entries.filter(entry => value === undefined || !value.includes(entry.value)) : []
    if (kind === 0) fitting = unique.filter(entry => entry.value === value)
    if (kind === 1) {
      fitting = unique.filter(entry => value?.startsWith(entry.value) === true)
      fitting.sort((a, b) => b.value.length - a.value.length)
    }
    for (const { on } of fitting) {
      const result = on.run(subject)
      if (result !== null) return result
    }
    return otherwise === null ? null : otherwise.run(subject)
  }
  return { json: otherwise === null ? json : { ...json, onNoMatch: otherwise.json }, run }
}

test('random trees find what their meaning says', () => {
  const random = generator(7)
  for (let i = 0; i < 400; i++) {
    const { json, run } = randomTree(random, 3)
    const { tree, complaints } = compile(json)
    assert.deepEqual(complaints, [])
    for (const x of [undefined, ...VALUES]) {
      for (const y of [undefined, ...VALUES]) {
        const subject = { ...(x === undefined ? {} : { x }), ...(y === undefined ? {} : { y }) }
        assert.equal(tree.find(subject), run(subject), JSON.stringify({ json, subject }))
      }
    }
  }
})
