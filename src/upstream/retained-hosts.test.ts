import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retainHosts } from './retained-hosts.ts'
import { endpointJson } from './testing.ts'

const assignment = (...groups: readonly (readonly number[])[]) => ({
  clusterName: 'c',
  endpoints: groups.map((ports, priority) => ({
    ...(priority === 0 ? {} : { priority }),
    lbEndpoints: ports.map(port => endpointJson(port)),
  })),
})
const ports = (json: object): unknown =>
  (json as ReturnType<typeof assignment>).endpoints.map(({ lbEndpoints }) =>
    lbEndpoints.map(
      endpoint =>
        (endpoint as { endpoint: { address: { socketAddress: { portValue: number } } } }).endpoint.address.socketAddress
          .portValue,
    ),
  )

test('hosts that discovery drops stay where they were while they pass their checks', () => {
  const before = assignment([1, 2, 3], [4])
  const healthy = (key: string) => key !== '127.0.0.1:3'
  const { assignment: after, retained } = retainHosts(before, assignment([1], []), healthy)
  assert.deepEqual(ports(after), [[1, 2], [4]])
  assert.deepEqual([...retained], ['127.0.0.1:2', '127.0.0.1:4'])
  const again = retainHosts(after, assignment([2]), () => false)
  assert.deepEqual([ports(again.assignment), again.retained.size], [[[2]], 0])
})

test('a priority that discovery drops as a whole stays for its healthy hosts', () => {
  const { assignment: after } = retainHosts(assignment([1], [2]), assignment([1]), () => true)
  assert.deepEqual(ports(after), [[1], [2]])
})
