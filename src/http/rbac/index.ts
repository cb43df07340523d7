export type { RbacScope, RbacSubject } from './rule.ts'
export { RbacRules } from './rules.ts'
