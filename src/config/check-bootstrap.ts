import { isIPv6 } from 'node:net'
import type { BootstrapJson } from '#api/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import type { AddressJson } from '#api/envoy/config/core/v3/address_pb.ts'
import type { ListenerJson } from '#api/envoy/config/listener/v3/listener_pb.ts'
import { ConfigPath } from './config-path.ts'
import type { Diagnostics } from './diagnostics.ts'
import { nearestName } from './names.ts'

/** The socket an address stands for, as comparable text; '' where every bind gives another one (port 0). */
function socketOf(address: AddressJson | undefined): string {
  if (address?.pipe?.path !== undefined) return address.pipe.path
  const socket = address?.socketAddress
  if (socket === undefined || (socket.portValue ?? 0) === 0) return ''
  const host = socket.address ?? ''
  // The URL parser writes every spelling of an IPv6 address in one way.
  const spelled = isIPv6(host) ? new URL(`http://[${host}]`).hostname : host
  // A port of UDP is another one than the same of TCP.
  return `${spelled}:${socket.portValue}${socket.protocol === 'UDP' ? '/udp' : ''}`
}

/** Reports every name after its first use. */
function checkNames(
  what: string,
  items: readonly { readonly name?: string }[],
  path: ConfigPath,
  diagnostics: Diagnostics,
): void {
  const first = new Map<string, number>()
  items.forEach(({ name }, i) => {
    if (name === undefined) return
    const earlier = first.get(name)
    if (earlier === undefined) first.set(name, i)
    else {
      diagnostics.error(
        path.index(i).field('name'),
        `a ${what} named '${name}' stands at ${path.index(earlier)} already`,
        {
          code: 'duplicate-name',
        },
      )
    }
  })
}

interface BoundAddress {
  readonly address: AddressJson | undefined
  readonly path: ConfigPath
}

function listenerAddresses(listener: ListenerJson, path: ConfigPath): readonly BoundAddress[] {
  if (listener.bindToPort === false) return []
  const additional = (listener.additionalAddresses ?? []).map((item, i) => ({
    address: item.address,
    path: path.field('additional_addresses').index(i).field('address'),
  }))
  return [{ address: listener.address, path: path.field('address') }, ...additional]
}

function checkAddresses(bootstrap: BootstrapJson, listeners: ConfigPath, diagnostics: Diagnostics): void {
  const bound: BoundAddress[] = (bootstrap.staticResources?.listeners ?? []).flatMap((listener, i) =>
    listenerAddresses(listener, listeners.index(i)),
  )
  bound.push({ address: bootstrap.admin?.address, path: ConfigPath.root.field('admin').field('address') })
  const owners = new Map<string, ConfigPath>()
  for (const { address, path } of bound) {
    const socket = socketOf(address)
    if (socket === '') continue
    const owner = owners.get(socket)
    if (owner === undefined) owners.set(socket, path)
    else diagnostics.error(path, `${socket} is taken by ${owner} already`, { code: 'address-clash' })
  }
}

function checkLocalCluster(bootstrap: BootstrapJson, diagnostics: Diagnostics): void {
  const name = bootstrap.clusterManager?.localClusterName
  const names = (bootstrap.staticResources?.clusters ?? []).flatMap(cluster => cluster.name ?? [])
  if (name === undefined || names.includes(name)) return
  const suggestion = nearestName(name, names)
  diagnostics.error(
    ConfigPath.root.field('cluster_manager').field('local_cluster_name'),
    `no cluster is named '${name}'`,
    {
      ...(suggestion === undefined ? {} : { suggestion }),
      code: 'unknown-cluster',
    },
  )
}

/**
 * Finds what no single message shows: names used twice, listeners and admin on one address, a local cluster that does not
 * exist. Envoy keeps the last cluster of a name in silence and never opens the second listener.
 */
export function checkBootstrap(bootstrap: BootstrapJson, diagnostics: Diagnostics): void {
  const resources = ConfigPath.root.field('static_resources')
  checkNames('listener', bootstrap.staticResources?.listeners ?? [], resources.field('listeners'), diagnostics)
  checkNames('cluster', bootstrap.staticResources?.clusters ?? [], resources.field('clusters'), diagnostics)
  checkNames(
    'runtime layer',
    bootstrap.layeredRuntime?.layers ?? [],
    ConfigPath.root.field('layered_runtime').field('layers'),
    diagnostics,
  )
  checkAddresses(bootstrap, resources.field('listeners'), diagnostics)
  checkLocalCluster(bootstrap, diagnostics)
}
