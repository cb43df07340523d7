// envoy.service.auth.v3.CheckResponse as the codec gives it.

export interface HeaderOption {
  readonly header: { readonly key: string; readonly value: string; readonly rawValue: Uint8Array } | undefined
  readonly append: boolean | undefined
  readonly appendAction: number
}

/** google.protobuf.Struct as the codec gives it: plain JSON. */
export type Struct = Record<string, unknown>

interface OkResponse {
  readonly headers: readonly HeaderOption[]
  readonly headersToRemove: readonly string[]
  readonly responseHeadersToAdd: readonly HeaderOption[]
  readonly queryParametersToSet: readonly { readonly key: string; readonly value: string }[]
  readonly queryParametersToRemove: readonly string[]
  readonly dynamicMetadata: Struct | undefined
}

interface DeniedResponse {
  readonly status: { readonly code: number } | undefined
  readonly headers: readonly HeaderOption[]
  readonly body: string
}

export interface CheckResponse {
  readonly status: { readonly code: number } | undefined
  readonly httpResponse:
    | { readonly case: 'okResponse'; readonly value: OkResponse }
    | { readonly case: 'deniedResponse'; readonly value: DeniedResponse }
    | { readonly case: undefined }
  readonly dynamicMetadata: Struct | undefined
}
