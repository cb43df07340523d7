export { readDiscoveryFile } from './discovery-file.ts'
export { FileSubscriptions, type FileSubscriptionsOptions } from './file-subscriptions.ts'
