const PSEUDO = new Set([':method', ':path', ':authority', ':scheme', ':status'])
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const START_LINE_PART = /^[^\0-\x20\x7f]+$/
const UNFIT = /[\r\n\0]/

export const isToken = (text: string): boolean => TOKEN.test(text)

export const isHeaderName = (name: string): boolean => TOKEN.test(name) || PSEUDO.has(name)

/** A blank would end the part of the start line that it stands in. */
export const isStartLinePart = (text: string): boolean => START_LINE_PART.test(text)

/** Anything else would end the line that it stands in. */
export const isHeaderValue = (value: string): boolean => !UNFIT.test(value)
