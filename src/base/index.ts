export * from './clock.ts'
export * from './timer-wheel.ts'
