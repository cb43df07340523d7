// JavaScript functions enter a wasm table only as wasm functions. A small module made here passes each of its imports on.
const I32 = 0x7f
const FUNCTION = 0x60

const section = (id: number, bytes: readonly number[]): readonly number[] => [id, ...leb(bytes.length), ...bytes]

/** An unsigned integer as LEB128. */
function leb(value: number): readonly number[] {
  const bytes: number[] = []
  do {
    const low = value & 0x7f
    value >>>= 7
    bytes.push(value === 0 ? low : low | 0x80)
  } while (value !== 0)
  return bytes
}

const text = (name: string): readonly number[] => [...leb(name.length), ...Buffer.from(name, 'latin1')]

/** A module with `count` imports i.0, i.1, ... of type (i32) -> i32 and h.0, of type (i32, i32) -> (); it exports them again. */
export function thunkModule(count: number): WebAssembly.Module {
  const types = [2, FUNCTION, 1, I32, 1, I32, FUNCTION, 2, I32, I32, 0]
  const imports = [...leb(count + 1)]
  const exports = [...leb(count + 1)]
  for (let i = 0; i < count; i++) {
    imports.push(...text('i'), ...text(String(i)), 0, 0)
    exports.push(...text(`i${i}`), 0, ...leb(i))
  }
  imports.push(...text('h'), ...text('0'), 0, 1)
  exports.push(...text('h0'), 0, ...leb(count))
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  return new WebAssembly.Module(
    Uint8Array.from([...header, ...section(1, types), ...section(2, imports), ...section(7, exports)]),
  )
}
