export {
  type CelExpression,
  type CelFailure,
  type CelNode,
  type CelSettings,
  compileCelText,
  compileCelTree,
  isCelFailure,
} from './expression.ts'
