import type { ZstdOptions } from 'node:zlib'
import type { ZstdJson as CompressorJson } from '#api/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts'
import type { ZstdJson as DecompressorJson } from '#api/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type BodyCodec, zlib } from '../../../http/index.ts'

const COMPRESSOR = 'envoy.extensions.compression.zstd.compressor.v3.Zstd'
const DECOMPRESSOR = 'envoy.extensions.compression.zstd.decompressor.v3.Zstd'
const NO_DICTIONARIES = 'dictionaries are not part of this release'

declareSupport(COMPRESSOR, {
  supported: ['compression_level', 'enable_checksum', 'strategy', 'chunk_size'],
  refused: { dictionary: NO_DICTIONARIES },
})
declareSupport(DECOMPRESSOR, { supported: ['chunk_size'], refused: { dictionaries: NO_DICTIONARIES } })

const DEFAULT_LEVEL = 3
const DEFAULT_CHUNK_BYTES = 4096
const MAX_INFLATE_RATIO = 100
const STRATEGIES = {
  DEFAULT: 0,
  FAST: 1,
  DFAST: 2,
  GREEDY: 3,
  LAZY: 4,
  LAZY2: 5,
  BTLAZY2: 6,
  BTOPT: 7,
  BTULTRA: 8,
  BTULTRA2: 9,
} as const

class ZstdCompressor implements BodyCodec {
  readonly encoding = 'zstd'
  readonly statName = 'zstd'
  readonly maxRatio = Number.POSITIVE_INFINITY
  private readonly json: CompressorJson
  private options: ZstdOptions | null = null

  constructor(json: CompressorJson) {
    this.json = json
  }

  private get settings(): ZstdOptions {
    if (this.options === null) {
      const { json } = this
      const { constants } = zlib()
      this.options = {
        chunkSize: json.chunkSize ?? DEFAULT_CHUNK_BYTES,
        params: {
          [constants.ZSTD_c_compressionLevel]: json.compressionLevel ?? DEFAULT_LEVEL,
          [constants.ZSTD_c_checksumFlag]: json.enableChecksum === true ? 1 : 0,
          [constants.ZSTD_c_strategy]: STRATEGIES[json.strategy ?? 'DEFAULT'],
        },
      }
    }
    return this.options
  }

  transform(bytes: Buffer) {
    return zlib().zstdCompressSync(bytes, this.settings)
  }

  createStream() {
    return zlib().createZstdCompress(this.settings)
  }
}

class ZstdDecompressor implements BodyCodec {
  readonly encoding = 'zstd'
  readonly statName = 'zstd'
  readonly maxRatio = MAX_INFLATE_RATIO
  private readonly options: ZstdOptions

  constructor(json: DecompressorJson) {
    this.options = { chunkSize: json.chunkSize ?? DEFAULT_CHUNK_BYTES }
  }

  transform(bytes: Buffer) {
    try {
      const maxOutputLength = Math.max(64, bytes.length * this.maxRatio)
      return zlib().zstdDecompressSync(bytes, { ...this.options, maxOutputLength })
    } catch {
      // node:zlib has no other way to say that these bytes are no zstd, or too much of it.
      return null
    }
  }

  createStream() {
    return zlib().createZstdDecompress(this.options)
  }
}

export const zstdCompressorFactory: ExtensionFactory<BodyCodec> = {
  name: 'envoy.compression.zstd.compressor',
  category: 'envoy.compression.compressor',
  typeNames: [COMPRESSOR],
  compile: config => new ZstdCompressor(config as CompressorJson),
}

export const zstdDecompressorFactory: ExtensionFactory<BodyCodec> = {
  name: 'envoy.compression.zstd.decompressor',
  category: 'envoy.compression.decompressor',
  typeNames: [DECOMPRESSOR],
  compile: config => new ZstdDecompressor(config as DecompressorJson),
}
