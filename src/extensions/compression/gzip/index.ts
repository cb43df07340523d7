import type { ZlibOptions } from 'node:zlib'
import type { GzipJson as CompressorJson } from '#api/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts'
import type { GzipJson as DecompressorJson } from '#api/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type BodyCodec, zlib } from '../../../http/index.ts'

const COMPRESSOR = 'envoy.extensions.compression.gzip.compressor.v3.Gzip'
const DECOMPRESSOR = 'envoy.extensions.compression.gzip.decompressor.v3.Gzip'

declareSupport(COMPRESSOR, {
  supported: ['memory_level', 'compression_level', 'compression_strategy', 'window_bits', 'chunk_size'],
})
declareSupport(DECOMPRESSOR, { supported: ['window_bits', 'chunk_size', 'max_inflate_ratio'] })

const DEFAULT_WINDOW_BITS = 12
const DEFAULT_MEMORY_LEVEL = 5
const DEFAULT_CHUNK_BYTES = 4096
const DEFAULT_MAX_INFLATE_RATIO = 100
/** zlib's numbers. */
const LEVELS: Readonly<Record<string, number>> = { DEFAULT_COMPRESSION: -1, BEST_SPEED: 1, BEST_COMPRESSION: 9 }
const STRATEGIES = { DEFAULT_STRATEGY: 0, FILTERED: 1, HUFFMAN_ONLY: 2, RLE: 3, FIXED: 4 } as const

const levelOf = (name: string): number => LEVELS[name] ?? Number(name.slice('COMPRESSION_LEVEL_'.length))

class GzipCompressor implements BodyCodec {
  readonly encoding = 'gzip'
  readonly statName = 'gzip'
  readonly maxRatio = Number.POSITIVE_INFINITY
  private readonly options: ZlibOptions

  constructor(json: CompressorJson) {
    this.options = {
      windowBits: json.windowBits ?? DEFAULT_WINDOW_BITS,
      memLevel: json.memoryLevel ?? DEFAULT_MEMORY_LEVEL,
      level: levelOf(json.compressionLevel ?? 'DEFAULT_COMPRESSION'),
      strategy: STRATEGIES[json.compressionStrategy ?? 'DEFAULT_STRATEGY'],
      chunkSize: json.chunkSize ?? DEFAULT_CHUNK_BYTES,
    }
  }

  transform(bytes: Buffer) {
    return zlib().gzipSync(bytes, this.options)
  }

  createStream() {
    return zlib().createGzip(this.options)
  }
}

class GzipDecompressor implements BodyCodec {
  readonly encoding = 'gzip'
  readonly statName = 'gzip'
  readonly maxRatio: number
  private readonly options: ZlibOptions

  constructor(json: DecompressorJson) {
    this.maxRatio = json.maxInflateRatio ?? DEFAULT_MAX_INFLATE_RATIO
    // A smaller window than the sender's would make its bodies unreadable; Envoy's default of 15 reads all.
    this.options = { windowBits: json.windowBits ?? 15, chunkSize: json.chunkSize ?? DEFAULT_CHUNK_BYTES }
  }

  transform(bytes: Buffer) {
    try {
      return zlib().gunzipSync(bytes, { ...this.options, maxOutputLength: Math.max(64, bytes.length * this.maxRatio) })
    } catch {
      // node:zlib has no other way to say that these bytes are no gzip, or too much of it.
      return null
    }
  }

  createStream() {
    return zlib().createGunzip(this.options)
  }
}

export const gzipCompressorFactory: ExtensionFactory<BodyCodec> = {
  name: 'envoy.compression.gzip.compressor',
  category: 'envoy.compression.compressor',
  typeNames: [COMPRESSOR],
  compile: config => new GzipCompressor(config as CompressorJson),
}

export const gzipDecompressorFactory: ExtensionFactory<BodyCodec> = {
  name: 'envoy.compression.gzip.decompressor',
  category: 'envoy.compression.decompressor',
  typeNames: [DECOMPRESSOR],
  compile: config => new GzipDecompressor(config as DecompressorJson),
}
