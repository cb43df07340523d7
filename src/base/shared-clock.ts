/** From this thread's performance.now() to a clock that all threads of the process read alike, to a microsecond. */
export const SHARED_CLOCK_OFFSET_MS = Math.min(
  ...Array.from({ length: 5 }, () => {
    const before = performance.now()
    return Number(process.hrtime.bigint()) / 1e6 - before
  }),
)
