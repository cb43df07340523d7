// The attacker has a thread to itself, so that the other client is hindered by the proxy alone.
import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { http2Start, RawHttp2 } from '../../harness/index.ts'
import { type Attack, type Face, GOAWAY } from './attack.ts'
import { FLOODS } from './floods.ts'
import { MALFORMED } from './malformed.ts'

/** An attack that is not over by then has not been contained. */
const PATIENCE_MS = 20_000
/** Malformed input waits for nothing: `delayed_close_timeout` would be 1000. */
const AT_ONCE_MS = 800

export interface AttackerData {
  readonly ports: Readonly<Record<Face, number>>
  readonly adminAddress: string
}
export interface AttackOrder {
  readonly index: number
  /** It is repeated, each time on a fresh connection, for at least so long. */
  readonly forMs: number
}
/** null: contained each time. */
export type AttackReport = { readonly failure: string | null; readonly connections: number }

/** Sends until the peer has had enough, as fast as the kernel takes it. */
async function sendRounds(attack: Attack, client: RawHttp2): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS
  for (let n = 0; !client.ended && performance.now() < deadline; n++) {
    const bytes = attack.round(n)
    if (bytes === null) return n
    const went = client.send(bytes)
    if (went) await new Promise(resolve => setImmediate(resolve))
    else await Promise.race([once(client.socket, 'drain'), once(client.socket, 'close')]).catch(() => undefined)
  }
  return Number.POSITIVE_INFINITY
}

async function attackOnce(attack: Attack, port: number): Promise<string | null> {
  using client = await RawHttp2.connect(port, attack.face?.endsWith('secured'))
  if (attack.deaf === true) client.socket.pause()
  client.send(http2Start(...(attack.settings ?? [])))
  await sendRounds(attack, client)
  const sentMs = performance.now()
  if (attack.holds !== undefined) {
    if (attack.deaf === true) await untilForgotten(attack.face ?? 'edge')
    client.socket.resume()
    const held = await client.until(frames => attack.holds!(frames))
    return held ? null : `it does not hold: ${seen(client)}`
  }
  if (attack.deaf === true) return client.ended ? null : 'not contained'
  if (!(await client.untilEnd(attack.goaway === undefined ? PATIENCE_MS : AT_ONCE_MS))) {
    return `still open after ${Math.round(performance.now() - sentMs)} ms: ${seen(client)}`
  }
  if (attack.goaway === undefined) return null
  const code = client.frames.find(({ type }) => type === GOAWAY)?.payload.readUInt32BE(4)
  // What was in flight when it closed resets the connection, and may take the GOAWAY along.
  return code === undefined || attack.goaway.includes(code) ? null : `GOAWAY ${code}`
}

/** Until the proxy has given up every stream of that listener. */
async function untilForgotten(face: Face): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  const url = `http://${adminAddress}/stats?filter=^http\\.${face}\\.downstream_rq_active$`
  for (;;) {
    const text = await (await fetch(url)).text()
    if (/: 0$/m.test(text) || performance.now() > deadline) return
  }
}

const seen = (client: RawHttp2): string =>
  `${client.frames.length} frames, last ${client.frames
    .slice(-5)
    .map(({ type, id, payload }) => `${type}/${id}/${payload.subarray(0, 12).toString('hex')}`)
    .join(' ')}`

const ATTACKS = [...FLOODS, ...MALFORMED]
const { ports, adminAddress } = workerData as AttackerData

parentPort!.on('message', async ({ index, forMs }: AttackOrder) => {
  const attack = ATTACKS[index]!
  const endMs = performance.now() + forMs
  let failure: string | null = null
  let connections = 0
  try {
    do {
      connections++
      failure = await attackOnce(attack, ports[attack.face ?? 'edge'])
    } while (failure === null && performance.now() < endMs)
  } catch (error) {
    failure = String(error)
  }
  parentPort!.postMessage({ failure, connections } satisfies AttackReport)
})
