import { durationMs } from '../config/index.ts'
import type { ServerOptions } from '../server/index.ts'
import { SERVE_FLAGS } from './flag-table.ts'
import type { ParsedFlags } from './parse-flags.ts'

const DEFAULT_DRAIN_TIME_S = 600
const MAX_DEFAULT_DRAIN_DELAY_MS = 5000

function componentLevels(text: string | undefined): ReadonlyMap<string, string> {
  const pairs = (text ?? '').split(',').filter(pair => pair !== '')
  return new Map(pairs.map(pair => [pair.split(':')[0]!, pair.split(':')[1] ?? '']))
}

/** Half the drain time, so that the other half is left for requests under way. */
function drainDelayMs(text: string | undefined, drainTimeMs: number): number {
  return text === undefined ? Math.min(MAX_DEFAULT_DRAIN_DELAY_MS, drainTimeMs / 2) : durationMs(text)
}

function number(flags: ParsedFlags, name: string): number | undefined {
  const text = flags.values.get(name)
  return text === undefined ? undefined : Number(text)
}

const level = (name: string): string => (name === 'warn' ? 'warning' : name)

/** What the flags of the proxy mean to the server. Throws RangeError on an unreadable duration. */
export function serverOptions(flags: ParsedFlags): ServerOptions {
  const { values, lists } = flags
  const drainTimeMs = (number(flags, 'drain-time-s') ?? DEFAULT_DRAIN_TIME_S) * 1000
  const logFormat = values.get('log-format')
  return {
    configPaths: lists.get('config-path') ?? [],
    configYaml: values.get('config-yaml') ?? null,
    concurrency: number(flags, 'concurrency') ?? null,
    allowUnknownStaticFields: values.has('allow-unknown-static-fields') || values.has('allow-unknown-fields'),
    rejectUnknownDynamicFields: values.has('reject-unknown-dynamic-fields'),
    ignoreUnknownDynamicFields: values.has('ignore-unknown-dynamic-fields'),
    serviceCluster: values.get('service-cluster') ?? null,
    serviceNode: values.get('service-node') ?? null,
    serviceZone: values.get('service-zone') ?? null,
    adminAddressPath: values.get('admin-address-path') ?? null,
    restartEpoch: number(flags, 'restart-epoch') ?? 0,
    baseId: number(flags, 'base-id') ?? 0,
    drainTimeMs,
    drainDelayMs: drainDelayMs(values.get('drain-delay'), drainTimeMs),
    drainDelayIsExact: values.has('drain-delay'),
    drainStrategy: values.get('drain-strategy') === 'immediate' ? 'immediate' : 'gradual',
    fileFlushIntervalMs: number(flags, 'file-flush-interval-msec') ?? 10_000,
    findingsFormat: values.get('format') === 'json' ? 'json' : 'text',
    logging: {
      level: level(values.get('log-level') ?? 'info'),
      componentLevels: componentLevels(values.get('component-log-level')),
      path: values.get('log-path') ?? null,
      format: logFormat === undefined || logFormat === 'json' ? null : logFormat,
      json: logFormat === 'json',
      escape: values.has('log-format-escaped'),
    },
    withoutEffect: SERVE_FLAGS.flatMap(({ name, noEffect }) =>
      noEffect !== undefined && values.has(name) ? [`--${name}: ${noEffect}`] : [],
    ),
  }
}
