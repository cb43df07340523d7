// A CEL expression over the attributes of a request or a connection.
import {
  type CelEvaluate,
  type CelExpr,
  CelMap,
  type CelOptions,
  type CelResult,
  type CelValue,
  type CelVariables,
  compileCel,
  isCelError,
  parseCel,
} from '../../base/index.ts'
import type { FormatContext } from '../format-context.ts'
import { AttributeMap, type Attributes, attributesNamed, XDS } from './attributes.ts'
import { PlainMessage, plainValue } from './plain-values.ts'

/** What an expression is compiled with. */
export interface CelSettings extends CelOptions {
  /** `xds.node`; null: not known where this expression stands. */
  readonly node: CelNode | null
}

/** core.v3.Node, as far as it is configured. */
export interface CelNode {
  readonly id?: string
  readonly cluster?: string
  readonly metadata?: unknown
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly subZone?: string }
}

export interface CelFailure {
  readonly error: string
  /** Where in the text, 0-based; 0 for trees. */
  readonly offset: number
}

const NOT_OFFERED: Readonly<Record<string, string>> = {
  'upstream.num_endpoints': 'how many hosts a cluster has is not looked at here; its stats tell',
  'xds.upstream_host_locality_metadata': 'metadata of localities is not kept; use upstream_host_metadata',
}

class StreamVariables implements CelVariables {
  private readonly context: FormatContext
  private readonly xds: Attributes

  constructor(context: FormatContext, xds: Attributes) {
    this.context = context
    this.xds = xds
  }

  resolve(name: string): CelValue | undefined {
    return name === 'xds' ? new AttributeMap(this.xds, this.context) : attributesNamed(name, this.context)
  }
}

export class CelExpression {
  private readonly run: CelEvaluate
  private readonly xds: Attributes

  constructor(run: CelEvaluate, xds: Attributes) {
    this.run = run
    this.xds = xds
  }

  evaluate(context: FormatContext): CelResult {
    return this.run(new StreamVariables(context, this.xds))
  }

  /** Undefined: it cannot be computed. */
  value(context: FormatContext): CelValue | undefined {
    const result = this.evaluate(context)
    return isCelError(result) ? undefined : result
  }

  /** What cannot be computed, or is no boolean, does not match. */
  matches(context: FormatContext): boolean {
    return this.evaluate(context) === true
  }
}

function nodeMessage(node: CelNode): PlainMessage {
  const { region = '', zone = '', subZone = '' } = node.locality ?? {}
  const metadata = plainValue(node.metadata ?? {})
  return new PlainMessage({
    id: node.id ?? '',
    cluster: node.cluster ?? '',
    metadata: metadata instanceof CelMap ? metadata : '',
    locality: new PlainMessage({ region, zone, sub_zone: subZone }),
  })
}

export function compileCelTree(tree: CelExpr, { node, ...options }: CelSettings): CelExpression | CelFailure {
  const run = compileCel(tree, { ...options, notOffered: NOT_OFFERED })
  if ('error' in run) return { error: run.error, offset: 0 }
  const message = node === null ? undefined : nodeMessage(node)
  return new CelExpression(run, message === undefined ? XDS : { ...XDS, node: () => message })
}

/** Compiles the text of an expression. */
export function compileCelText(text: string, settings: CelSettings): CelExpression | CelFailure {
  const tree = parseCel(text)
  return 'error' in tree ? tree : compileCelTree(tree, settings)
}

export function isCelFailure(result: CelExpression | CelFailure): result is CelFailure {
  return 'error' in result
}
