// %CEL(expression)% and %TYPED_CEL(expression)%.
import { celJson, celText } from '../../base/index.ts'
import { type CelSettings, compileCelText, isCelFailure } from '../cel/index.ts'
import type { Field, FieldValue } from '../format-context.ts'
import { TwoForms } from './two-forms.ts'

/** Neither the node nor functions that an envoy.formatter.cel turns on. */
const PLAIN: CelSettings = { node: null }

/** As Envoy: what cannot be computed is not there. */
export function celField(
  name: 'CEL' | 'TYPED_CEL',
  text: string,
  maxLength: number,
  settings: CelSettings = PLAIN,
): Field | { readonly error: string } {
  const expression = compileCelText(text, settings)
  if (isCelFailure(expression)) return { error: `${expression.error} (at character ${expression.offset + 1} of it)` }
  const cut = (value: string): string => (maxLength < 0 ? value : value.slice(0, maxLength))
  return context => {
    const value = expression.value(context)
    if (value === undefined) return null
    const printed = cut(celText(value))
    if (name === 'CEL') return printed
    const typed = celJson(value) ?? null
    return (typed === printed ? typed : new TwoForms(printed, typed)) as FieldValue
  }
}
