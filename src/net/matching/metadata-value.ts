/** A value of the metadata, for matchers of metadata alone (Envoy); undefined: there is none. */
export class MetadataValue {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}
