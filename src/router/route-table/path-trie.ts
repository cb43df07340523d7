// HOT FILE (docs/hot-path.md): a radix tree over configured paths. One walk along the request's path meets every exact
// path, prefix and separated prefix that fits it, so 10,000 routes cost what one does. (bench: route-table)
import type { HeaderMap } from '../../http/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import type { CandidateList } from './candidate-list.ts'

const SLASH = 47

export class PathTrieNode {
  /** What leads here from the parent. */
  label: string
  /** By the first character of their labels; null: none. Most nodes are leaves, and even an empty map is 200 bytes. */
  children: Map<number, PathTrieNode> | null = null
  /** Routes whose whole path ends here. */
  exact: CandidateList | null = null
  /** Routes whose prefix ends here. */
  prefix: CandidateList | null = null
  /** Routes whose prefix ends here and wants an end or a slash behind it. */
  separated: CandidateList | null = null

  constructor(label: string) {
    this.label = label
  }
}

/** An object instead of a closure: nothing is allocated per request. */
export interface CandidateVisitor {
  /** `path` up to `end`: without query. */
  visit(
    list: CandidateList,
    best: number,
    path: string,
    end: number,
    headers: HeaderMap,
    info: StreamInfo,
    random: number,
  ): number
}

export type PathKind = 'exact' | 'prefix' | 'separated'

/** The node for `text`, made where it is missing. */
export function insertPath(root: PathTrieNode, text: string): PathTrieNode {
  let node = root
  let at = 0
  while (at < text.length) {
    const child = node.children?.get(text.charCodeAt(at))
    if (child === undefined) return addChild(node, text.slice(at))
    const common = commonLength(child.label, text, at)
    at += common
    node = common === child.label.length ? child : split(node, child, common)
  }
  return node
}

function addChild(parent: PathTrieNode, label: string): PathTrieNode {
  const child = new PathTrieNode(label)
  parent.children ??= new Map()
  parent.children.set(label.charCodeAt(0), child)
  return child
}

function commonLength(label: string, text: string, at: number): number {
  let i = 0
  while (i < label.length && at + i < text.length && label.charCodeAt(i) === text.charCodeAt(at + i)) i++
  return i
}

function split(parent: PathTrieNode, child: PathTrieNode, at: number): PathTrieNode {
  const upper = addChild(parent, child.label.slice(0, at))
  child.label = child.label.slice(at)
  upper.children = new Map([[child.label.charCodeAt(0), child]])
  return upper
}

/** Visits the node reached by each prefix of path[0, end); returns the lowest index found, or `best`. */
export function searchPath(
  root: PathTrieNode,
  path: string,
  end: number,
  best: number,
  visitor: CandidateVisitor,
  headers: HeaderMap,
  info: StreamInfo,
  random: number,
): number {
  let node = root
  let at = 0
  for (;;) {
    if (node.prefix !== null) best = visitor.visit(node.prefix, best, path, end, headers, info, random)
    if (node.separated !== null && (at === end || path.charCodeAt(at) === SLASH)) {
      best = visitor.visit(node.separated, best, path, end, headers, info, random)
    }
    if (at === end)
      return node.exact === null ? best : visitor.visit(node.exact, best, path, end, headers, info, random)
    const child = node.children === null ? undefined : node.children.get(path.charCodeAt(at))
    if (child === undefined) return best
    const { label } = child
    if (at + label.length > end) return best
    for (let i = 1; i < label.length; i++) if (label.charCodeAt(i) !== path.charCodeAt(at + i)) return best
    at += label.length
    node = child
  }
}
