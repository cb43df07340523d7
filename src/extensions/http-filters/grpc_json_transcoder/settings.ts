import type { MethodTableOptions } from './method-table.ts'

/** A transcoder's configuration without its descriptors; frozen. */
export interface TranscoderSettings extends MethodTableOptions {
  readonly matchesIncomingRoute: boolean
  readonly ignoredParameters: ReadonlySet<string>
  readonly ignoresUnknownParameters: boolean
  readonly capturesUnknownParameters: boolean
  readonly plusIsBlank: boolean
  readonly caseInsensitiveEnums: boolean
  readonly convertsStatus: boolean
  readonly rejectsUnknownMethods: boolean
  readonly rejectsUnknownParameters: boolean
  readonly rejectsCollisions: boolean
  /** -1: the stream's buffer limit. */
  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  readonly whitespace: boolean
  readonly alwaysPrintsPrimitives: boolean
  readonly enumsAsNumbers: boolean
  readonly protoNames: boolean
  readonly streamStyle: 'array' | 'lines' | 'events'
}
