export { FileSubscriptions, type FileSubscriptionsOptions } from './file-subscriptions.ts'
