import type { BrotliOptions } from 'node:zlib'
import type { BrotliJson as CompressorJson } from '#api/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts'
import type { BrotliJson as DecompressorJson } from '#api/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { type BodyCodec, zlib } from '../../../http/index.ts'

const COMPRESSOR = 'envoy.extensions.compression.brotli.compressor.v3.Brotli'
const DECOMPRESSOR = 'envoy.extensions.compression.brotli.decompressor.v3.Brotli'

declareSupport(COMPRESSOR, {
  supported: [
    'quality',
    'encoder_mode',
    'window_bits',
    'input_block_bits',
    'chunk_size',
    'disable_literal_context_modeling',
  ],
})
declareSupport(DECOMPRESSOR, { supported: ['disable_ring_buffer_reallocation', 'chunk_size'] })

const DEFAULT_QUALITY = 3
const DEFAULT_WINDOW_BITS = 18
const DEFAULT_INPUT_BLOCK_BITS = 24
const DEFAULT_CHUNK_BYTES = 4096
const MAX_INFLATE_RATIO = 100
const MODES = { DEFAULT: 0, GENERIC: 0, TEXT: 1, FONT: 2 } as const

class BrotliCompressor implements BodyCodec {
  readonly encoding = 'br'
  readonly statName = 'brotli'
  readonly maxRatio = Number.POSITIVE_INFINITY
  private readonly json: CompressorJson
  private options: BrotliOptions | null = null

  constructor(json: CompressorJson) {
    this.json = json
  }

  private get settings(): BrotliOptions {
    if (this.options === null) {
      const { json } = this
      const { constants } = zlib()
      this.options = {
        chunkSize: json.chunkSize ?? DEFAULT_CHUNK_BYTES,
        params: {
          [constants.BROTLI_PARAM_QUALITY]: json.quality ?? DEFAULT_QUALITY,
          [constants.BROTLI_PARAM_MODE]: MODES[json.encoderMode ?? 'DEFAULT'],
          [constants.BROTLI_PARAM_LGWIN]: json.windowBits ?? DEFAULT_WINDOW_BITS,
          [constants.BROTLI_PARAM_LGBLOCK]: json.inputBlockBits ?? DEFAULT_INPUT_BLOCK_BITS,
          [constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: json.disableLiteralContextModeling === true,
        },
      }
    }
    return this.options
  }

  transform(bytes: Buffer) {
    return zlib().brotliCompressSync(bytes, this.settings)
  }

  createStream() {
    return zlib().createBrotliCompress(this.settings)
  }
}

class BrotliDecompressor implements BodyCodec {
  readonly encoding = 'br'
  readonly statName = 'brotli'
  readonly maxRatio = MAX_INFLATE_RATIO
  private readonly json: DecompressorJson
  private options: BrotliOptions | null = null

  constructor(json: DecompressorJson) {
    this.json = json
  }

  private get settings(): BrotliOptions {
    this.options ??= {
      chunkSize: this.json.chunkSize ?? DEFAULT_CHUNK_BYTES,
      params: {
        [zlib().constants.BROTLI_DECODER_PARAM_DISABLE_RING_BUFFER_REALLOCATION]:
          this.json.disableRingBufferReallocation === true,
      },
    }
    return this.options
  }

  transform(bytes: Buffer) {
    try {
      const maxOutputLength = Math.max(64, bytes.length * this.maxRatio)
      return zlib().brotliDecompressSync(bytes, { ...this.settings, maxOutputLength })
    } catch {
      // node:zlib has no other way to say that these bytes are no brotli, or too much of it.
      return null
    }
  }

  createStream() {
    return zlib().createBrotliDecompress(this.settings)
  }
}

export const brotliCompressorFactory: ExtensionFactory<BodyCodec> = {
  name: 'envoy.compression.brotli.compressor',
  category: 'envoy.compression.compressor',
  typeNames: [COMPRESSOR],
  compile: config => new BrotliCompressor(config as CompressorJson),
}

export const brotliDecompressorFactory: ExtensionFactory<BodyCodec> = {
  name: 'envoy.compression.brotli.decompressor',
  category: 'envoy.compression.decompressor',
  typeNames: [DECOMPRESSOR],
  compile: config => new BrotliDecompressor(config as DecompressorJson),
}
