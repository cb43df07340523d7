import { createRequire } from 'node:module'

type JsYaml = typeof import('js-yaml')

let loaded: JsYaml | undefined

/** The parser's events: loaded with the first text, as worker threads never read one. */
export function yamlEvents(): JsYaml {
  loaded ??= createRequire(import.meta.url)('js-yaml') as JsYaml
  return loaded
}
