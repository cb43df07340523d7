const PSEUDO = new Set([':method', ':path', ':authority', ':scheme', ':status'])
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const UNFIT = /[\r\n\0]/

export const isToken = (text: string): boolean => TOKEN.test(text)

export const isHeaderName = (name: string): boolean => TOKEN.test(name) || PSEUDO.has(name)

/** Anything else would end the line that it stands in. */
export const isHeaderValue = (value: string): boolean => !UNFIT.test(value)
