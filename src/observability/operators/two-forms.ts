/** What is one thing where it becomes text, and another where it keeps its type (Envoy). */
export class TwoForms {
  readonly text: string
  private readonly typed: unknown

  constructor(text: string, typed: unknown) {
    this.text = text
    this.typed = typed
  }

  toJSON(): unknown {
    return this.typed
  }
}
