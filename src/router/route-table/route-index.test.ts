// The compiled index must answer as a plain scan in order would, on random tables.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { head, routeOf, table } from './testing.ts'

interface RandomRoute {
  readonly kind: 'prefix' | 'path' | 'pathSeparatedPrefix' | 'safeRegex'
  readonly text: string
  readonly caseSensitive: boolean
  readonly headers: readonly (readonly [name: string, value: string, kind: 'exact' | 'prefix' | 'inverted'])[]
}

/** Numerical Recipes' generator: the same tables in every run. */
function generator(seed: number): (n: number) => number {
  return n => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 0x100000000) * n)
  }
}

type Random = ReturnType<typeof generator>
const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)]!

function randomPath(random: Random): string {
  let path = ''
  const parts = random(4)
  for (let i = 0; i <= parts; i++) path += pick(random, ['/', '/a', '/A', '/b', 'a', 'b', '/ab'])
  return path.startsWith('/') ? path : `/${path}`
}

function randomRoute(random: Random): RandomRoute {
  const kind = pick(random, ['prefix', 'prefix', 'path', 'path', 'pathSeparatedPrefix', 'safeRegex'] as const)
  let text = randomPath(random)
  if (kind === 'pathSeparatedPrefix') text = `${text.replace(/\/+$/, '')}/b`
  if (kind === 'safeRegex') text += pick(random, ['', '.*', '[ab]'])
  const headers = Array.from({ length: Math.max(0, random(4) - 1) }, (): RandomRoute['headers'][number] => {
    return [
      pick(random, ['x', 'y']),
      pick(random, ['1', '2', '12']),
      pick(random, ['exact', 'exact', 'prefix', 'inverted']),
    ]
  })
  return { kind, text, caseSensitive: random(4) > 0, headers }
}

function config(route: RandomRoute, index: number): object {
  return {
    name: String(index),
    directResponse: { status: 200 },
    match: {
      [route.kind]: route.kind === 'safeRegex' ? { regex: route.text } : route.text,
      caseSensitive: route.caseSensitive,
      headers: route.headers.map(([name, value, kind]) => ({
        name,
        stringMatch: kind === 'prefix' ? { prefix: value } : { exact: value },
        invertMatch: kind === 'inverted',
      })),
    },
  }
}

function matches(route: RandomRoute, whole: string, lines: readonly (readonly [string, string])[]): boolean {
  const fold = (text: string): string => (route.caseSensitive || route.kind === 'safeRegex' ? text : text.toLowerCase())
  const path = fold(whole.replace(/[?#].*/, ''))
  const text = fold(route.text)
  const fits =
    route.kind === 'prefix'
      ? path.startsWith(text)
      : route.kind === 'path'
        ? path === text
        : route.kind === 'safeRegex'
          ? new RegExp(`^(?:${text})$`).test(path)
          : path === text || path.startsWith(`${text}/`)
  if (!fits) return false
  return route.headers.every(([name, value, kind]) => {
    const values = lines.filter(line => line[0] === name).map(line => line[1])
    if (values.length === 0) return false
    const found = values.some(other => (kind === 'prefix' ? other.startsWith(value) : other === value))
    return found !== (kind === 'inverted')
  })
}

test('the compiled index answers as a scan in order', () => {
  const random = generator(42)
  let found = 0
  for (let round = 0; round < 1000; round++) {
    const routes = Array.from({ length: 1 + random(round % 10 === 0 ? 60 : 12) }, () => randomRoute(random))
    const compiled = table({ virtualHosts: [{ name: 'v', domains: ['*'], routes: routes.map(config) }] })
    for (let i = 0; i < 15; i++) {
      const path = randomPath(random) + pick(random, ['', '', '/', '?a/b', '#b'])
      const lines = Array.from(
        { length: random(3) },
        () => [pick(random, ['x', 'y', 'z']), pick(random, ['1', '2', '12', '3'])] as const,
      )
      const want = routes.findIndex(route => matches(route, path, lines))
      const got = routeOf(compiled, head({ path, lines }))?.name ?? '-1'
      if (want >= 0) found++
      assert.equal(got, String(want), `${path} ${JSON.stringify(lines)} in ${JSON.stringify(routes)}`)
    }
  }
  assert.ok(found > 2500, 'most requests find a route')
})

test('path parameters are left out of matching where asked', () => {
  const compiled = table({
    ignorePathParametersInPathMatching: true,
    virtualHosts: [
      { name: 'v', domains: ['*'], routes: [{ name: 'r', match: { path: '/a' }, directResponse: { status: 200 } }] },
    ],
  })
  assert.equal(routeOf(compiled, head({ path: '/a;v=1' }))?.name, 'r')
  assert.equal(routeOf(compiled, head({ path: '/a;v=1?q' }))?.name, 'r')
  assert.equal(routeOf(compiled, head({ path: '/;x/a' })), null)
  assert.equal(routeOf(compiled, head({ path: '/ab;v=1' })), null)
})
