import {
  cookieValue,
  decodedQueryParameter,
  type HeaderMap,
  type HeaderName,
  removeCookie,
  removeQueryParameter,
} from '../../../http/index.ts'

/** Where a request may carry its key. */
export interface KeySource {
  /** '' when it is not there. */
  read(headers: HeaderMap): string
  remove(headers: HeaderMap): void
}

const BEARER = 'Bearer '

export class HeaderSource implements KeySource {
  private readonly name: HeaderName

  constructor(name: HeaderName) {
    this.name = name
  }

  read(headers: HeaderMap): string {
    const value = headers.get(this.name) ?? ''
    return value.startsWith(BEARER) ? value.slice(BEARER.length) : value
  }

  remove(headers: HeaderMap): void {
    headers.remove(this.name)
  }
}

export class QuerySource implements KeySource {
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  read(headers: HeaderMap): string {
    return decodedQueryParameter(headers.path, this.name) ?? ''
  }

  remove(headers: HeaderMap): void {
    const path = removeQueryParameter(headers.path, this.name)
    if (path !== headers.path) headers.path = path
  }
}

export class CookieSource implements KeySource {
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  read(headers: HeaderMap): string {
    return cookieValue(headers, this.name) ?? ''
  }

  remove(headers: HeaderMap): void {
    removeCookie(headers, this.name)
  }
}
