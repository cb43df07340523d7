// Spans in the forms of Zipkin's API v2.
import { messageCodec } from '../../../config/index.ts'
import { ownAddress } from '../../../net/index.ts'
import type { ZipkinSpan } from './zipkin-span.ts'

export interface Serializer {
  readonly contentType: string
  serialize(spans: readonly ZipkinSpan[]): Buffer
}

const NOT_ASCII = /[^\x00-\x7f]/
const text = (latin1: string): string =>
  NOT_ASCII.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1
const us = (ms: number): number => Math.round(ms * 1000)
const durationUs = (span: ZipkinSpan): number => Math.max(us(span.endWallMs) - us(span.startWallMs), 1)

const tagsOf = (span: ZipkinSpan): Record<string, string> =>
  Object.fromEntries([...(span.tags ?? [])].map(([name, value]) => [text(name), text(value)]))

const isShared = (span: ZipkinSpan, sharedSpanContext: boolean): boolean => sharedSpanContext && !span.client

export class JsonSerializer implements Serializer {
  readonly contentType = 'application/json'
  private readonly sharedSpanContext: boolean
  private readonly localEndpoint: object

  constructor(serviceName: string, sharedSpanContext: boolean) {
    this.sharedSpanContext = sharedSpanContext
    const name = serviceName === '' ? {} : { serviceName }
    this.localEndpoint = { ...name, ipv4: ownAddress(), port: 0 }
  }

  serialize(spans: readonly ZipkinSpan[]): Buffer {
    return Buffer.from(JSON.stringify(spans.map(span => this.object(span))))
  }

  private object(span: ZipkinSpan): object {
    const { traceId, spanId, parentId } = span.context
    return {
      traceId,
      ...(parentId === '' ? {} : { parentId }),
      id: spanId,
      kind: span.client ? 'CLIENT' : 'SERVER',
      ...(span.name === '' ? {} : { name: text(span.name) }),
      timestamp: us(span.startWallMs),
      duration: durationUs(span),
      localEndpoint: this.localEndpoint,
      annotations: (span.annotations ?? []).map(({ wallMs, value }) => ({ timestamp: us(wallMs), value })),
      ...(isShared(span, this.sharedSpanContext) ? { shared: true } : {}),
      tags: tagsOf(span),
    }
  }
}

const CLIENT_KIND = 1
const SERVER_KIND = 2

export class ProtoSerializer implements Serializer {
  readonly contentType = 'application/x-protobuf'
  private readonly sharedSpanContext: boolean
  private readonly localEndpoint: object
  private readonly codec = messageCodec('zipkin.proto3.ListOfSpans')

  constructor(serviceName: string, sharedSpanContext: boolean) {
    this.sharedSpanContext = sharedSpanContext
    this.localEndpoint = { serviceName, ipv4: Uint8Array.from(ownAddress().split('.').map(Number)) }
  }

  serialize(spans: readonly ZipkinSpan[]): Buffer {
    return Buffer.from(this.codec.encode({ spans: spans.map(span => this.message(span)) }))
  }

  private message(span: ZipkinSpan): object {
    const { traceId, spanId, parentId } = span.context
    return {
      traceId: Buffer.from(traceId, 'hex'),
      parentId: Buffer.from(parentId, 'hex'),
      id: Buffer.from(spanId, 'hex'),
      kind: span.client ? CLIENT_KIND : SERVER_KIND,
      name: text(span.name),
      timestamp: BigInt(us(span.startWallMs)),
      duration: BigInt(durationUs(span)),
      localEndpoint: this.localEndpoint,
      annotations: (span.annotations ?? []).map(({ wallMs, value }) => ({ timestamp: BigInt(us(wallMs)), value })),
      tags: tagsOf(span),
      shared: isShared(span, this.sharedSpanContext),
    }
  }
}
