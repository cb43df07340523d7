// Node's Buffer methods for latin1 text: the documented toString and write look the encoding up on every call.
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string
    latin1Write(text: string, offset: number): number
  }
}

export {}
