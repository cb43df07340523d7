// Which rule a request's method and path belong to, and what the path's variables hold.
import { type PathTemplate, parseTemplate } from './path-template.ts'
import { type UnescapeSpec, urlUnescape } from './url-unescape.ts'

/** A value from the path or the query, for the field at a path of names. */
export interface Binding {
  readonly fieldPath: readonly string[]
  readonly value: string
}

export interface Match<Target> {
  readonly target: Target
  readonly bindings: readonly Binding[]
}

interface Entry<Target> {
  readonly target: Target
  readonly template: PathTemplate
}

class Node<Target> {
  readonly children = new Map<string, Node<Target>>()
  /** By HTTP method, '*' for any. */
  readonly entries = new Map<string, Entry<Target>>()
}

export class PathMatcher<Target> {
  private readonly root = new Node<Target>()
  private readonly verbs = new Set<string>()
  private readonly spec: UnescapeSpec
  private readonly anyVerb: boolean

  constructor(spec: UnescapeSpec, anyVerb: boolean) {
    this.spec = spec
    this.anyVerb = anyVerb
  }

  /** False: not a template, or another rule has the same one. */
  add(httpMethod: string, template: string, target: Target): boolean {
    const parsed = parseTemplate(template)
    if (parsed === null) return false
    let node = this.root
    for (const segment of parsed.segments) {
      let child = node.children.get(segment)
      if (child === undefined) {
        child = new Node()
        node.children.set(segment, child)
      }
      node = child
    }
    if (node.entries.has(httpMethod)) return false
    node.entries.set(httpMethod, { target, template: parsed })
    if (parsed.verb !== '') this.verbs.add(parsed.verb)
    return true
  }

  /** `path` without its query. */
  find(httpMethod: string, path: string): Match<Target> | null {
    const parts = this.split(path)
    const entry = search(this.root, parts, 0, httpMethod)
    if (entry === null) return null
    const bindings = entry.template.variables.map(({ fieldPath, start, behind, multiple }) => {
      const spec = multiple ? this.spec : 'ALL_CHARACTERS'
      const held = parts.slice(start, parts.length - behind)
      return { fieldPath, value: held.map(part => urlUnescape(part, spec, false)).join('/') }
    })
    return { target: entry.target, bindings }
  }

  /** A verb that some template has is a part of its own; empty parts at the end do not count. */
  private split(path: string): readonly string[] {
    const colon = path.lastIndexOf(':')
    let text = path
    if (colon > path.lastIndexOf('/') && (this.anyVerb || this.verbs.has(path.slice(colon + 1)))) {
      text = `${path.slice(0, colon)}/${path.slice(colon + 1)}`
    }
    const parts = text.slice(1).split('/')
    while (parts.length > 0 && parts[parts.length - 1] === '') parts.pop()
    return parts
  }
}

/** Literals before '*' before '**'. Templates have one '**' at most, so the work is bounded by the tree. */
function search<Target>(
  node: Node<Target>,
  parts: readonly string[],
  at: number,
  httpMethod: string,
): Entry<Target> | null {
  if (at === parts.length) {
    const here = node.entries.get(httpMethod) ?? node.entries.get('*')
    if (here !== undefined) return here
  } else {
    const part = parts[at] as string
    for (const key of part === '*' || part === '**' ? ['*'] : [part, '*']) {
      const child = node.children.get(key)
      const found = child === undefined ? null : search(child, parts, at + 1, httpMethod)
      if (found !== null) return found
    }
  }
  const rest = node.children.get('**')
  if (rest === undefined) return null
  for (let next = parts.length; next >= at; next--) {
    const found = search(rest, parts, next, httpMethod)
    if (found !== null) return found
  }
  return null
}

/** The parameters of a query; those without '=' and those named in `ignored` are left out. */
export function queryBindings(query: string, ignored: ReadonlySet<string>, plusIsBlank: boolean): readonly Binding[] {
  const bindings: Binding[] = []
  for (const parameter of query.split('&')) {
    const equals = parameter.indexOf('=')
    if (equals <= 0) continue
    const name = urlUnescape(parameter.slice(0, equals), 'ALL_CHARACTERS', plusIsBlank)
    if (ignored.has(name)) continue
    const value = urlUnescape(parameter.slice(equals + 1), 'ALL_CHARACTERS', plusIsBlank)
    bindings.push({ fieldPath: name.split('.'), value })
  }
  return bindings
}
