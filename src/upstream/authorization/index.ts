export { type AuthorizationCallbacks, AuthorizationService } from './authorization-service.ts'
export { connectionAttributes, metadataContext, type PeerAttributes } from './check-attributes.ts'
export type { CheckResponse, HeaderOption } from './check-response.ts'
