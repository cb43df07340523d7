export function schemaTable(_: Uint8Array): string {
  return '{}'
}
