import { type Endpoint, json, OK, text } from '../endpoint.ts'

export const runtime: Endpoint = {
  path: '/runtime',
  help: 'print runtime values',
  handle: (_request, sources) => {
    const { layers, entries } = sources.runtime()
    const byKey = Array.from(entries, ({ key, layerValues, finalValue }) => {
      return [key, { layer_values: layerValues, final_value: finalValue }] as const
    })
    return json({ entries: Object.fromEntries(byKey), layers })
  },
}

const USAGE = `usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN
       or send the parameters as form values
use an empty value to remove a previously added override`

export const runtimeModify: Endpoint = {
  path: '/runtime_modify',
  help: 'Adds or modifies runtime values as passed in query parameters. To delete a previously added key, use an empty string as the value. Note that deletion only applies to overrides added via this endpoint; values loaded from disk can be modified via override but not deleted. E.g. ?key1=value1&key2=value2...',
  mutates: true,
  handle: ({ params }, sources) => {
    if (params.size === 0) return text(USAGE, 400)
    return sources.modifyRuntime(params) ? OK : text('No admin layer specified', 503)
  },
}
