/** The config path of the value being checked, kept as a stack so that text is made only for findings. */
export class PathStack {
  private readonly segments: (string | number)[] = []

  /** A field name (snake_case), a list index, or a map key already in its `["key"]` form. */
  push(segment: string | number): void {
    this.segments.push(segment)
  }

  pop(): void {
    this.segments.pop()
  }

  text(): string {
    let text = ''
    for (const segment of this.segments) {
      if (typeof segment === 'number') text += `[${segment}]`
      else if (text === '' || segment.startsWith('["')) text += segment
      else text += `.${segment}`
    }
    return text
  }
}
