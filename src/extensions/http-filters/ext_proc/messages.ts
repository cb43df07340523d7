// envoy.service.ext_proc.v3.ProcessingResponse as the codec gives it.
import type { ProcessingMode } from './modes.ts'

export interface HeaderOption {
  readonly header: { readonly key: string; readonly rawValue: Uint8Array } | undefined
  readonly append: boolean | undefined
}

export interface HeaderMutation {
  readonly setHeaders: readonly HeaderOption[]
  readonly removeHeaders: readonly string[]
}

export interface BodyMutation {
  readonly mutation:
    | { readonly case: 'body'; readonly value: Uint8Array }
    | { readonly case: 'clearBody'; readonly value: boolean }
    | {
        readonly case: 'streamedResponse'
        readonly value: { readonly body: Uint8Array; readonly endOfStream: boolean }
      }
    | { readonly case: undefined }
}

export const ContinueAndReplace = 1

export interface CommonResponse {
  readonly status: number
  readonly headerMutation: HeaderMutation | undefined
  readonly bodyMutation: BodyMutation | undefined
  readonly clearRouteCache: boolean
}

interface WithCommonResponse {
  readonly response: CommonResponse | undefined
}

export interface TrailersResponse {
  readonly headerMutation: HeaderMutation | undefined
}

export interface ImmediateResponse {
  readonly status: { readonly code: number } | undefined
  readonly headers: HeaderMutation | undefined
  readonly body: Uint8Array
  readonly grpcStatus: { readonly status: number } | undefined
  readonly details: string
}

export interface ProcessingResponse {
  readonly response:
    | { readonly case: 'requestHeaders' | 'responseHeaders'; readonly value: WithCommonResponse }
    | { readonly case: 'requestBody' | 'responseBody'; readonly value: WithCommonResponse }
    | { readonly case: 'requestTrailers' | 'responseTrailers'; readonly value: TrailersResponse }
    | { readonly case: 'immediateResponse'; readonly value: ImmediateResponse }
    | { readonly case: undefined }
  /** Struct: plain JSON. */
  readonly dynamicMetadata: Readonly<Record<string, unknown>> | undefined
  readonly modeOverride: ProcessingMode | undefined
  readonly overrideMessageTimeout: { readonly seconds: bigint; readonly nanos: number } | undefined
}
