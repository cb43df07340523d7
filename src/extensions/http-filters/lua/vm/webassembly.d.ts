// The few parts of WebAssembly that are used here: @types/node has none, and lib.dom would bring a browser along.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>)
    readonly exports: object
  }
  interface Memory {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  interface Table {
    readonly length: number
    grow(by: number): number
    get(index: number): (...args: number[]) => number
    set(index: number, value: unknown): void
  }
}
