// RESP, the protocol of Redis. A door of its own: its types have names that mean something else elsewhere.
export * from './resp-command.ts'
export * from './resp-reader.ts'
export * from './resp-scanner.ts'
export * from './resp-types.ts'
export * from './resp-value.ts'
