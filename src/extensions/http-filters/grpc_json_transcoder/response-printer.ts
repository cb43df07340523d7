// gRPC messages of a response as JSON.
import type { DescMessage, JsonObject, JsonValue, Registry } from '@bufbuild/protobuf'
import { isObject, keyOf, printJson } from './json.ts'
import type { MethodBinding } from './method-table.ts'
import { protobuf } from './protobuf.ts'
import type { TranscoderSettings } from './settings.ts'
import { shortenFloats } from './shorten-floats.ts'

export class ResponsePrinter {
  private readonly settings: TranscoderSettings
  private readonly registry: Registry

  constructor(settings: TranscoderSettings, registry: Registry) {
    this.settings = settings
    this.registry = registry
  }

  /** Throws on bytes that are no such message. */
  private json(type: DescMessage, bytes: Uint8Array): JsonValue {
    const { core } = protobuf()
    const json = core.toJson(type, core.fromBinary(type, bytes), {
      registry: this.registry,
      alwaysEmitImplicit: this.settings.alwaysPrintsPrimitives,
      enumAsInteger: this.settings.enumsAsNumbers,
      useProtoFieldName: this.settings.protoNames,
    })
    shortenFloats(type, json)
    return json
  }

  /** One message, or what the rule shows of it. Throws on bytes that are no such message. */
  message(binding: MethodBinding, bytes: Uint8Array): string {
    let shown = this.json(binding.method.output, bytes)
    for (const field of binding.responsePath) {
      shown = isObject(shown) ? (shown[keyOf(shown, field)] ?? null) : null
    }
    return printJson(shown, this.settings.whitespace)
  }

  /** A google.rpc.Status; null: it has details of a type that the descriptors do not know. */
  status(code: number, message: string, details: readonly { typeUrl: string; value: Uint8Array }[]): string | null {
    const printed: JsonObject = {}
    if (code !== 0 || this.settings.alwaysPrintsPrimitives) printed['code'] = code
    if (message !== '' || this.settings.alwaysPrintsPrimitives) printed['message'] = message
    try {
      const { AnySchema } = protobuf().wkt
      const list = details.map(({ typeUrl, value }) => {
        const { core } = protobuf()
        return this.json(AnySchema, core.toBinary(AnySchema, core.create(AnySchema, { typeUrl, value })))
      })
      if (list.length > 0 || this.settings.alwaysPrintsPrimitives) printed['details'] = list
    } catch {
      return null
    }
    return printJson(printed, this.settings.whitespace)
  }
}
