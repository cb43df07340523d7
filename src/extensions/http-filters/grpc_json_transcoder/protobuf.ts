import { createRequire } from 'node:module'

export interface Protobuf {
  readonly core: typeof import('@bufbuild/protobuf')
  readonly wkt: typeof import('@bufbuild/protobuf/wkt')
  readonly wire: typeof import('@bufbuild/protobuf/wire')
}

let loaded: Protobuf | undefined

/** The protobuf runtime, which only a configured transcoder pays for. */
export function protobuf(): Protobuf {
  if (loaded !== undefined) return loaded
  const require = createRequire(import.meta.url)
  loaded = {
    core: require('@bufbuild/protobuf') as Protobuf['core'],
    wkt: require('@bufbuild/protobuf/wkt') as Protobuf['wkt'],
    wire: require('@bufbuild/protobuf/wire') as Protobuf['wire'],
  }
  return loaded
}
