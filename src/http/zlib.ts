/** node:zlib, loaded when the first body needs it: a proxy that compresses nothing does not pay for it. */
export const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib')
