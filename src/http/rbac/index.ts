export type { RbacDecider, RbacDecision } from './decision.ts'
export { compileRbac } from './matcher.ts'
export type { RbacScope, RbacSubject } from './rule.ts'
