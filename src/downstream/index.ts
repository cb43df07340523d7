export type { InheritedDescriptor } from './bound-address.ts'
export { compileListener } from './compile-listener.ts'
export { ListenerManager, type ListenerManagerOptions, type ListenerStatus } from './listener-manager.ts'
export type { FilterChainPlan, ListenAddress, ListenerPlan } from './listener-plan.ts'
