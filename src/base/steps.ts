// Work in steps of well below a millisecond each, so that a thread can serve requests between them.

export type Steps<T = void> = Generator<undefined, T, undefined>

/** How long a thread may be kept from its events by work that can wait. */
const SLICE_MS = 0.5

/** All that is left of it, without a break. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Goes on for one slice of time; true when it has come to its end. */
export function runSlice(steps: Steps): boolean {
  const until = performance.now() + SLICE_MS
  do {
    if (steps.next().done === true) return true
  } while (performance.now() < until)
  return false
}

/** Goes on with `steps` between events, as long as `goesOn` says so; `done` when they have come to their end. */
export function inSlices(steps: Steps, goesOn: () => boolean, done: () => void): void {
  setImmediate(() => {
    if (!goesOn()) return
    if (runSlice(steps)) done()
    else inSlices(steps, goesOn, done)
  })
}

/** Sorts in place; equal ones stay in their order. */
export function* sortInSteps<T>(list: T[], compare: (a: T, b: T) => number): Steps {
  const RUN = 256
  for (let from = 0; from < list.length; from += RUN) {
    const run = list.slice(from, from + RUN).sort(compare)
    for (let i = 0; i < run.length; i++) list[from + i] = run[i] as T
    yield
  }
  let source = list
  let target = list.slice()
  for (let width = RUN; width < list.length; width *= 2) {
    for (let from = 0; from < list.length; from += 2 * width) {
      yield* mergeRuns(
        source,
        target,
        from,
        Math.min(from + width, list.length),
        Math.min(from + 2 * width, list.length),
        compare,
      )
    }
    ;[source, target] = [target, source]
  }
  if (source !== list) for (let i = 0; i < list.length; i++) list[i] = source[i] as T
}

/** Merges what is sorted from `from` to `middle` and from there to `end`. */
function* mergeRuns<T>(
  source: readonly T[],
  target: T[],
  from: number,
  middle: number,
  end: number,
  compare: (a: T, b: T) => number,
): Steps {
  let left = from
  let right = middle
  for (let at = from; at < end; at++) {
    const fromLeft = right >= end || (left < middle && compare(source[left] as T, source[right] as T) <= 0)
    target[at] = (fromLeft ? source[left++] : source[right++]) as T
    if ((at & 511) === 511) yield
  }
}
