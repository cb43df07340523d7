import type { FileRegistry } from '@bufbuild/protobuf'
import { protobuf } from './protobuf.ts'

/** A google.protobuf.FileDescriptorSet with all imports. Throws on anything else. */
export function registryOf(bytes: Uint8Array): FileRegistry {
  const { core, wkt } = protobuf()
  return core.createFileRegistry(core.fromBinary(wkt.FileDescriptorSetSchema, bytes))
}
