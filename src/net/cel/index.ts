// CEL expressions in configurations: where they stand, and what is said of those that cannot be used.
import './support.ts'
import type { CelExpressionConfigJson } from '#api/envoy/config/core/v3/cel_pb.ts'
import type { ExprJson } from '#api/google/api/expr/v1alpha1/syntax_pb.ts'
import type { CelExpressionJson } from '#api/xds/type/v3/cel_pb.ts'
import type { CelOptions } from '../../base/index.ts'
import type { CompileContext, ConfigPath } from '../../config/index.ts'
import {
  type CelExpression,
  type CelFailure,
  type CelSettings,
  compileCelText,
  compileCelTree,
  isCelFailure,
} from '../../observability/index.ts'
import { celTree } from './trees.ts'

export function celSettings(config: CelExpressionConfigJson | undefined, context: CompileContext): CelSettings {
  if (config === undefined) return { ...context.celOptions, node: context.node }
  return { ...celOptions(config), node: context.node }
}

export function celOptions(config: CelExpressionConfigJson | undefined): CelOptions {
  return {
    stringConversion: config?.enableStringConversion ?? false,
    stringConcat: config?.enableStringConcat ?? false,
    stringFunctions: config?.enableStringFunctions ?? false,
  }
}

/** Undefined after a diagnostic. */
export function compileCelExpression(
  expression: string,
  settings: CelSettings,
  context: CompileContext,
  path: ConfigPath,
): CelExpression | undefined {
  return reported(compileCelText(expression, settings), context, path)
}

/** A tree; undefined after a diagnostic. */
export function compileCelExpr(
  expression: ExprJson | undefined,
  settings: CelSettings,
  context: CompileContext,
  path: ConfigPath,
): CelExpression | undefined {
  return reported(compileCelTree(celTree(expression), settings), context, path)
}

/** xds.type.v3.CelExpression in any of its forms; undefined after a diagnostic. */
export function compileXdsCelExpression(
  json: CelExpressionJson,
  context: CompileContext,
  path: ConfigPath,
): CelExpression | undefined {
  const settings = celSettings(undefined, context)
  if (json.celExprString !== undefined) {
    return compileCelExpression(json.celExprString, settings, context, path.field('cel_expr_string'))
  }
  const forms = [
    ['cel_expr_parsed', json.celExprParsed?.expr],
    ['cel_expr_checked', json.celExprChecked?.expr],
    ['parsed_expr', json.parsedExpr?.expr],
    ['checked_expr', json.checkedExpr?.expr],
  ] as const
  const [name, expr] = forms.find(([, form]) => form !== undefined) ?? forms[0]
  return compileCelExpr(expr as ExprJson | undefined, settings, context, path.field(name).field('expr'))
}

function reported(
  result: CelExpression | CelFailure,
  context: CompileContext,
  path: ConfigPath,
): CelExpression | undefined {
  if (!isCelFailure(result)) return result
  const where = result.offset === 0 ? '' : ` (at character ${result.offset + 1})`
  context.diagnostics.error(path, `not a CEL expression that can be used: ${result.error}${where}`, {
    expected: "an expression such as request.headers['x-tenant'] == 'a' && request.path.startsWith('/v1')",
    code: 'bad-expression',
  })
  return undefined
}
