import { type AdminResponse, type Endpoint, JSON_TYPE, TEXT } from '../endpoint.ts'
import { jsonList } from '../json-list.ts'
import type { AdminSources, ListenerStatus } from '../sources.ts'

function* listenersText(sources: AdminSources): Generator<string> {
  for (const { name, addresses } of sources.listeners()) {
    for (const address of addresses) yield `${name}::${address.text}\n`
  }
}

function message({ name, addresses }: ListenerStatus): object {
  const [first, ...rest] = addresses.map(({ text, ip }) =>
    ip === null ? { pipe: { path: text } } : { socket_address: { address: ip.host, port_value: ip.port } },
  )
  return { name, local_address: first, ...(rest.length === 0 ? {} : { additional_local_addresses: rest }) }
}

function* messages(sources: AdminSources): Generator<object> {
  for (const listener of sources.listeners()) yield message(listener)
}

export const listeners: Endpoint = {
  path: '/listeners',
  help: 'print listener info',
  params: [{ name: 'format', help: 'File format to use', choices: ['text', 'json'] }],
  handle: ({ params }, sources): AdminResponse =>
    params.get('format') === 'json'
      ? { status: 200, contentType: JSON_TYPE, body: jsonList('listener_statuses', messages(sources)) }
      : { status: 200, contentType: TEXT, body: listenersText(sources) },
}
