import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { FileRegistry, Message } from '@bufbuild/protobuf'
import type { Any } from '@bufbuild/protobuf/wkt'
import { INSTALLATION } from '../../base/index.ts'
import type { Diagnostics } from '../diagnostics.ts'

const DESCRIPTORS_FILE = new URL('gen/descriptors.binpb', INSTALLATION)

interface Protobuf {
  readonly core: typeof import('@bufbuild/protobuf')
  readonly wkt: typeof import('@bufbuild/protobuf/wkt')
  readonly types: FileRegistry
}

let shared: Protobuf | undefined

/** The protobuf runtime and the descriptors of the whole API: 120 ms and 30 MB that only binary messages pay for. */
function protobuf(): Protobuf {
  if (shared !== undefined) return shared
  const require = createRequire(import.meta.url)
  const core = require('@bufbuild/protobuf') as Protobuf['core']
  const wkt = require('@bufbuild/protobuf/wkt') as Protobuf['wkt']
  const types = core.createFileRegistry(core.fromBinary(wkt.FileDescriptorSetSchema, readFileSync(DESCRIPTORS_FILE)))
  shared = { core, wkt, types }
  return shared
}

/** JSON form of a serialized message; undefined, with a diagnostic, when it does not decode. */
export function decodeBinary(
  typeName: string,
  bytes: Uint8Array,
  file: string,
  diagnostics: Diagnostics,
  unknownFields: 'error' | 'warning' = 'error',
): unknown {
  const { core, types } = protobuf()
  const type = types.getMessage(typeName)
  const report = (path: string, message: string, code: string, severity: 'error' | 'warning' = 'error') =>
    diagnostics.list.push({ severity, path, message, file, code })
  if (type === undefined) {
    report('', `no message type ${typeName} in the Envoy API`, 'any')
    return undefined
  }
  try {
    const message = core.fromBinary(type, bytes)
    reportUnknown(message, '', (path, number) =>
      report(path, `field number ${number} is unknown`, 'unknown-field', unknownFields),
    )
    return core.toJson(type, message, { registry: types, useProtoFieldName: true })
  } catch (error) {
    report(
      '',
      `is no ${typeName} in protobuf binary form: ${error instanceof Error ? error.message : String(error)}`,
      'syntax',
    )
    return undefined
  }
}

/** Fields that the API does not have are kept aside by the decoder and missing in the JSON: they must not pass unseen. */
function reportUnknown(value: unknown, path: string, report: (path: string, number: number) => void): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  const { $unknown, $typeName } = value as Partial<Message>
  for (const field of $unknown ?? []) report(path, field.no)
  if ($typeName === 'google.protobuf.Any') {
    const { wkt, types } = protobuf()
    const inner = wkt.anyUnpack(value as Any, types)
    if (inner !== undefined) reportUnknown(inner, path, report)
    return
  }
  for (const [name, child] of Object.entries(value)) {
    if (name.startsWith('$')) continue
    const step = Array.isArray(value)
      ? `[${name}]`
      : name === 'value' && 'case' in value
        ? ''
        : path === ''
          ? name
          : `.${name}`
    reportUnknown(child, path + step, report)
  }
}
