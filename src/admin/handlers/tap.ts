import { type Endpoint, TEXT, text } from '../endpoint.ts'

/** Attaches a tap for as long as its reader stays. */
export const tap: Endpoint = {
  path: '/tap',
  help: 'endpoint to enable/disable tap',
  mutates: true,
  readsBody: true,
  handle: async ({ body, gone }, sources) => {
    const answer = await sources.tap(body, gone)
    if ('problem' in answer) return text(answer.problem, 400)
    return { status: 200, contentType: TEXT, body: answer.traces, waits: true }
  },
}
