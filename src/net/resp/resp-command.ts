/** A command in RESP, the protocol of Redis: its words as an array of bulk strings. Characters are bytes (latin1). */
export function respCommand(words: readonly string[]): string {
  let text = `*${words.length}\r\n`
  for (const word of words) text += `$${word.length}\r\n${word}\r\n`
  return text
}
