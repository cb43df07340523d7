// The messages of the two forms of the protocol, with resources as bytes.
import { type MessageCodec, messageCodec } from '../config/index.ts'

const DISCOVERY = 'envoy.service.discovery.v3'
/** google.rpc.Code: what Envoy says of every resource it refuses. */
const INTERNAL = 13

export interface AnyBytes {
  readonly typeUrl: string
  readonly value: Uint8Array
}

export interface SotwRequest {
  /** From `NodeMessage`; undefined: the server knows it. */
  readonly node: object | undefined
  readonly typeUrl: string
  readonly versionInfo: string
  readonly resourceNames: readonly string[]
  readonly responseNonce: string
  /** Why the last response is refused; null: it is not. */
  readonly problem: string | null
}

export interface SotwResponse {
  readonly versionInfo: string
  readonly resources: readonly AnyBytes[]
  readonly typeUrl: string
  readonly nonce: string
  readonly controlPlane?: { readonly identifier: string }
}

export interface DeltaRequest {
  readonly node: object | undefined
  readonly typeUrl: string
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  readonly initialResourceVersions: Readonly<Record<string, string>>
  readonly responseNonce: string
  readonly problem: string | null
}

/** google.protobuf.Duration as it is decoded. */
export interface DurationFields {
  readonly seconds: bigint
  readonly nanos: number
}

export interface WrappedResource {
  readonly name: string
  readonly version: string
  readonly aliases: readonly string[]
  /** Absent: what is known under that name holds on. */
  readonly resource?: AnyBytes
  readonly ttl?: DurationFields
}

export interface DeltaResponse {
  readonly systemVersionInfo: string
  readonly resources: readonly WrappedResource[]
  readonly removedResources: readonly string[]
  readonly typeUrl: string
  readonly nonce: string
  readonly controlPlane?: { readonly identifier: string }
}

const codec = (name: string): MessageCodec => messageCodec(`${DISCOVERY}.${name}`)

/** Who asks, ready to be put into requests. */
export function nodeMessage(node: object): object {
  return messageCodec('envoy.config.core.v3.Node').fromJson(node)
}

function errorDetail(problem: string | null): object {
  return problem === null ? {} : { errorDetail: { code: INTERNAL, message: problem } }
}

function sotwFields({ node, typeUrl, versionInfo, resourceNames, responseNonce, problem }: SotwRequest): object {
  return {
    ...(node === undefined ? {} : { node }),
    typeUrl,
    versionInfo,
    resourceNames: [...resourceNames],
    responseNonce,
    ...errorDetail(problem),
  }
}

export function encodeSotwRequest(request: SotwRequest): Uint8Array {
  return codec('DiscoveryRequest').encode(sotwFields(request))
}

/** For REST. */
export function sotwRequestJson(request: SotwRequest): string {
  const request_ = codec('DiscoveryRequest')
  const bytes = request_.encode(sotwFields(request))
  return JSON.stringify(request_.toJson(request_.decode(bytes) as object))
}

export function encodeDeltaRequest(request: DeltaRequest): Uint8Array {
  const { node, typeUrl, subscribe, unsubscribe, initialResourceVersions, responseNonce, problem } = request
  return codec('DeltaDiscoveryRequest').encode({
    ...(node === undefined ? {} : { node }),
    typeUrl,
    resourceNamesSubscribe: [...subscribe],
    resourceNamesUnsubscribe: [...unsubscribe],
    initialResourceVersions,
    responseNonce,
    ...errorDetail(problem),
  })
}

/** Null: the bytes are no such message. They belong to the answer from now on. */
export function decodeSotwResponse(bytes: Buffer): SotwResponse | null {
  return codec('DiscoveryResponse').decode(bytes) as SotwResponse | null
}

export function decodeDeltaResponse(bytes: Buffer): DeltaResponse | null {
  return codec('DeltaDiscoveryResponse').decode(bytes) as DeltaResponse | null
}

export function decodeWrapped(bytes: Uint8Array): WrappedResource | null {
  return codec('Resource').decode(bytes) as WrappedResource | null
}

export function ttlMs(ttl: DurationFields | undefined): number | null {
  return ttl === undefined ? null : Number(ttl.seconds) * 1000 + ttl.nanos / 1e6
}
