// HOT FILE (docs/hot-path.md): one HeaderValueOption, compiled. Values without an operator are bytes made at plan time.
import type { HeaderValueOptionJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import { celSettings } from '../../net/index.ts'
import { compileFormat, type FormatContext, type Formatter } from '../../observability/index.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import { PreparedLine } from '../prepared-line.ts'

declareSupport('envoy.config.core.v3.HeaderValueOption', {
  supported: ['header', 'append', 'append_action', 'keep_empty_value'],
})
declareSupport('envoy.config.core.v3.HeaderValue', { supported: ['key', 'value', 'raw_value'] })

export const APPEND = 0
export const ADD_IF_ABSENT = 1
export const OVERWRITE_OR_ADD = 2
export const OVERWRITE_IF_EXISTS = 3

/** HeaderValueOption.append_action. */
export type AppendAction = 0 | 1 | 2 | 3

const ACTIONS = {
  APPEND_IF_EXISTS_OR_ADD: APPEND,
  ADD_IF_ABSENT,
  OVERWRITE_IF_EXISTS_OR_ADD: OVERWRITE_OR_ADD,
  OVERWRITE_IF_EXISTS,
} as const

export class HeaderValue {
  readonly name: HeaderName
  readonly action: AppendAction
  /** '' is dropped unless this is true. */
  readonly keepEmpty: boolean
  /** Null: `text` is the value. */
  private readonly formatter: Formatter | null
  private readonly text: string
  private readonly line: PreparedLine

  constructor(name: HeaderName, action: AppendAction, keepEmpty: boolean, text: string, formatter: Formatter | null) {
    this.name = name
    this.action = action
    this.keepEmpty = keepEmpty
    this.formatter = formatter
    this.text = text
    this.line = new PreparedLine(name, text)
  }

  get overwrites(): boolean {
    return this.action === OVERWRITE_OR_ADD || this.action === OVERWRITE_IF_EXISTS
  }

  get constant(): boolean {
    return this.formatter === null
  }

  evaluate(context: FormatContext): string {
    return this.formatter === null ? this.text : this.formatter.format(context)
  }

  /** Envoy writes an overwritten header at the end. */
  overwrite(headers: HeaderMap, value: string): void {
    headers.remove(this.name)
    headers.append(this.name, value)
  }

  /** Adds a line; where the proxy knows the name and it is there, its values are joined, as Envoy does. */
  append(headers: HeaderMap, value: string): void {
    const { name } = this
    if (name.bit !== 0 && headers.has(name)) {
      // As Envoy: an empty value leaves no comma.
      headers.set(name, [headers.getAll(name).join(','), value].filter(part => part !== '').join(','))
    } else if (this.formatter === null) headers.appendPrepared(this.line)
    else headers.append(name, value)
  }
}

/** Undefined after a diagnostic. */
export function compileHeaderValue(
  option: HeaderValueOptionJson,
  context: CompileContext,
  path: ConfigPath,
): HeaderValue | undefined {
  const key = option.header?.key ?? ''
  const at = path.field('header')
  if (!isModifiable(key)) {
    context.diagnostics.error(at.field('key'), `${key} cannot be set by a header mutation`, {
      expected: 'a header name that is neither "host" nor starts with ":"; hosts and paths are changed by rewrites',
      found: key,
    })
    return undefined
  }
  if (option.append !== undefined && option.appendAction !== undefined) {
    context.diagnostics.error(path.field('append'), 'append and append_action exclude each other', {
      expected: 'append_action alone',
    })
    return undefined
  }
  const raw = option.header?.rawValue
  const text = raw === undefined ? (option.header?.value ?? '') : Buffer.from(raw, 'base64').toString('utf8')
  const formatter = text.includes('%')
    ? compileFormat(text, { missing: '', cel: celSettings(undefined, context) })
    : null
  if (formatter !== null && 'error' in formatter) {
    context.diagnostics.error(at.field('value'), formatter.error, { found: text, code: 'bad-format' })
    return undefined
  }
  const action = option.append === false ? OVERWRITE_OR_ADD : ACTIONS[option.appendAction ?? 'APPEND_IF_EXISTS_OR_ADD']
  return new HeaderValue(HeaderName.of(key), action, option.keepEmptyValue === true, toWireText(text), formatter)
}

/** Pseudo headers and the host belong to routing; mutations may not touch them. */
export function isModifiable(name: string): boolean {
  return !name.startsWith(':') && name.toLowerCase() !== 'host'
}
