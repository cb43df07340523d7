export type {
  DescriptorEntry,
  LimitOverride,
  RateLimitDescriptor,
  RateLimitSubject,
  XRateLimitOption,
} from './descriptor.ts'
export { compileRateLimits, RateLimitPolicy } from './policy.ts'
