// Expression trees as configurations carry them, in JSON form.
import type { ConstantJson, ExprJson } from '#api/google/api/expr/v1alpha1/syntax_pb.ts'
import { CelBytes, type CelExpr, CelUint, type CelValue, toWireText } from '../../base/index.ts'

export { NO_COMPREHENSION } from '../../base/index.ts'

const nothing: CelExpr = { kind: 'refused', why: 'a part of the tree is empty' }

/** What a tree of either package says; what cannot be evaluated is said when it is compiled. */
export function celTree(json: ExprJson | undefined): CelExpr {
  if (json?.constExpr !== undefined) return { kind: 'constant', value: constant(json.constExpr) }
  if (json?.identExpr !== undefined) return { kind: 'identifier', name: json.identExpr.name ?? '' }
  if (json?.selectExpr !== undefined) {
    const { operand, field = '', testOnly = false } = json.selectExpr
    return { kind: 'select', operand: celTree(operand), field, test: testOnly }
  }
  if (json?.callExpr !== undefined) {
    const { target, function: name = '', args = [] } = json.callExpr
    const called = target === undefined ? null : celTree(target)
    return { kind: 'call', name: sameName(name), target: called, args: args.map(celTree) }
  }
  if (json?.listExpr !== undefined) return { kind: 'list', elements: (json.listExpr.elements ?? []).map(celTree) }
  if (json?.structExpr !== undefined) {
    const { entries = [] } = json.structExpr
    return { kind: 'map', entries: entries.map(({ mapKey, value }) => [celTree(mapKey), celTree(value)] as const) }
  }
  return nothing
}

/** Older trees write `in` in other ways. */
function sameName(name: string): string {
  return name === '_in_' || name === 'in' ? '@in' : name
}

function constant(json: ConstantJson): CelValue {
  if (json.stringValue !== undefined) return toWireText(json.stringValue)
  if (json.boolValue !== undefined) return json.boolValue
  if (json.int64Value !== undefined) return BigInt(json.int64Value)
  if (json.uint64Value !== undefined) return new CelUint(BigInt(json.uint64Value))
  if (json.doubleValue !== undefined) return Number(json.doubleValue)
  if (json.bytesValue !== undefined) return new CelBytes(Buffer.from(json.bytesValue, 'base64').toString('latin1'))
  return null
}
