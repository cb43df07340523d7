// request_attributes and response_attributes: CEL expressions, sent under their own text.
import { type CelJson, celJson } from '../../../base/index.ts'
import type { CompileContext, ConfigPath } from '../../../config/index.ts'
import type { HttpFilterCallbacks } from '../../../http/index.ts'
import { CelSubject, celSettings, compileCelExpression } from '../../../net/index.ts'
import type { CelExpression } from '../../../observability/index.ts'

const NAMESPACE = 'envoy.filters.http.ext_proc'

export interface AttributeExpression {
  readonly text: string
  readonly expression: CelExpression
}

export function compileAttributes(
  texts: readonly string[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly AttributeExpression[] {
  const settings = celSettings(undefined, context)
  return (texts ?? []).flatMap((text, i) => {
    const expression = compileCelExpression(text, settings, context, path.index(i))
    return expression === undefined ? [] : [{ text, expression }]
  })
}

/** ProcessingRequest.attributes: what can be computed now, and told in JSON. */
export function attributesMessage(attributes: readonly AttributeExpression[], stream: HttpFilterCallbacks): object {
  const subject = new CelSubject(stream.info, stream.requestHeaders, stream.responseHeaders)
  const values: Record<string, CelJson> = {}
  for (const { text, expression } of attributes) {
    const value = expression.value(subject)
    const json = value === undefined ? undefined : celJson(value)
    if (json !== undefined) values[text] = unicode(json)
  }
  return { [NAMESPACE]: values }
}

/** Texts come as bytes. */
function unicode(json: CelJson): CelJson {
  if (typeof json === 'string') return Buffer.from(json, 'latin1').toString('utf8')
  if (Array.isArray(json)) return json.map(unicode)
  if (typeof json !== 'object' || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, unicode(value as CelJson)]))
}
