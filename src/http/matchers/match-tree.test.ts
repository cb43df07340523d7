import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MatcherJson } from '#api/xds/type/matcher/v3/matcher_pb.ts'
import { ConfigPath, Diagnostics } from '../../config/index.ts'
import { HeaderName } from '../header-name.ts'
import { HeaderMap } from '../headers.ts'
import { compileMatchTree } from './match-tree.ts'

const INPUT = 'type.googleapis.com/envoy.type.matcher.v3'
const input = (type: string, config: object = {}) => ({
  name: 'input',
  typedConfig: { '@type': `${INPUT}.${type}`, ...config },
})
const action = (name: string) => ({ action: { name, typedConfig: { '@type': 'x' } } })

function compile(json: unknown): { readonly tree: (k: string | null) => string | null; readonly problems: string[] } {
  const diagnostics = new Diagnostics()
  const context = { diagnostics } as Parameters<typeof compileMatchTree>[2]
  const tree = compileMatchTree(json as MatcherJson, ({ name }) => name ?? null, context, ConfigPath.root)
  const problems = diagnostics.list.map(({ path, message }) => `${path}: ${message}`)
  return {
    problems,
    tree: k => {
      const requestHeaders = new HeaderMap()
      requestHeaders.method = 'GET'
      requestHeaders.path = '/p?q=a%20b'
      if (k !== null) requestHeaders.append(HeaderName.of('k'), k)
      return tree({ requestHeaders, responseHeaders: null })
    },
  }
}

const single = (k: string) => ({
  singlePredicate: { input: input('HttpRequestHeaderMatchInput', { headerName: 'k' }), valueMatch: { exact: k } },
})

test('the first of a list that matches; a nested matcher without a match lets the next one try', () => {
  const nested = { matcher: { matcherList: { matchers: [{ predicate: single('never'), onMatch: action('x') }] } } }
  const { tree, problems } = compile({
    matcherList: {
      matchers: [
        { predicate: single('a'), onMatch: nested },
        { predicate: { orMatcher: { predicate: [single('a'), single('b')] } }, onMatch: action('second') },
      ],
    },
    onNoMatch: action('otherwise'),
  })
  assert.deepEqual(problems, [])
  assert.deepEqual([tree('a'), tree('b'), tree('c'), tree(null)], ['second', 'second', 'otherwise', 'otherwise'])
})

test('query parameters are decoded, and what is not there matches nothing', () => {
  const { tree } = compile({
    matcherTree: {
      input: input('HttpRequestQueryParamMatchInput', { queryParam: 'q' }),
      exactMatchMap: { map: { 'a b': action('found') } },
    },
  })
  assert.equal(tree(null), 'found')
  const response = compile({
    matcherTree: { input: input('HttpResponseStatusCodeMatchInput'), exactMatchMap: { map: { 200: action('x') } } },
  })
  assert.equal(response.tree(null), null)
})

test('an unknown input is named', () => {
  const { problems, tree } = compile({
    matcherTree: { input: input('HttpRequestHeaderMatchInputs'), prefixMatchMap: { map: { a: action('x') } } },
  })
  assert.match(problems.join(), /matcher_tree\.input\.typed_config: no input for matchers is called/)
  assert.equal(tree('a'), null)
})
