// The messages of CEL expressions; both packages hold the same trees.
import { declareSupport } from '../../config/index.ts'
import { NO_COMPREHENSION } from './trees.ts'

const NOT_NEEDED = 'positions and types help tools; an evaluation does not need them'
const NO_TIMES = 'deprecated: call timestamp() or duration()'

for (const api of ['google.api.expr.v1alpha1', 'cel.expr']) {
  declareSupport(`${api}.ParsedExpr`, { supported: ['expr'], accepted: { source_info: NOT_NEEDED } })
  declareSupport(`${api}.CheckedExpr`, {
    supported: ['expr'],
    accepted: { source_info: NOT_NEEDED, reference_map: NOT_NEEDED, type_map: NOT_NEEDED },
  })
  declareSupport(`${api}.Expr`, {
    supported: ['const_expr', 'ident_expr', 'select_expr', 'call_expr', 'list_expr', 'struct_expr'],
    refused: { comprehension_expr: NO_COMPREHENSION },
    accepted: { id: 'names a part of the tree for source_info' },
  })
  declareSupport(`${api}.Constant`, {
    supported: [
      'null_value',
      'bool_value',
      'int64_value',
      'uint64_value',
      'double_value',
      'string_value',
      'bytes_value',
    ],
    refused: { duration_value: NO_TIMES, timestamp_value: NO_TIMES },
  })
  declareSupport(`${api}.Expr.Ident`, { supported: ['name'] })
  declareSupport(`${api}.Expr.Select`, { supported: ['operand', 'field', 'test_only'] })
  declareSupport(`${api}.Expr.Call`, { supported: ['target', 'function', 'args'] })
  declareSupport(`${api}.Expr.CreateList`, {
    supported: ['elements'],
  })
  declareSupport(`${api}.Expr.CreateStruct`, {
    supported: ['entries'],
    refused: { message_name: 'messages cannot be made in expressions' },
  })
  declareSupport(`${api}.Expr.CreateStruct.Entry`, {
    supported: ['map_key', 'value'],
    refused: { field_key: 'messages cannot be made in expressions' },
    accepted: { id: 'names a part of the tree for source_info' },
  })
}

declareSupport('envoy.config.core.v3.CelExpressionConfig', {
  supported: ['enable_string_conversion', 'enable_string_concat', 'enable_string_functions'],
})
declareSupport('xds.type.v3.CelExpression', {
  supported: ['parsed_expr', 'checked_expr', 'cel_expr_parsed', 'cel_expr_checked', 'cel_expr_string'],
})
