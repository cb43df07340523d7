import { declareSupport } from '../support.ts'

const DISCOVERY = 'envoy.service.discovery.v3'
const CONTROL_PLANE = 'it tells of a control plane, and a file is none'

declareSupport(`${DISCOVERY}.DiscoveryResponse`, {
  supported: ['version_info', 'resources', 'type_url'],
  accepted: { canary: CONTROL_PLANE, nonce: CONTROL_PLANE, control_plane: CONTROL_PLANE },
})
declareSupport(`${DISCOVERY}.Resource`, {
  supported: ['name', 'version', 'resource'],
  refused: {
    ttl: 'what a file says holds until the file says something else',
    aliases: 'resources go by one name',
    resource_name: 'resources go by their name alone',
    metadata: 'nothing reads metadata of a resource',
  },
  accepted: { cache_control: CONTROL_PLANE },
})
