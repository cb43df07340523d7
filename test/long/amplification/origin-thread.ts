// The origin of the amplification probe, on a thread of its own: its CPU time is neither the attacker's nor the proxy's.
import { parentPort } from 'node:worker_threads'
import { Origin } from '../../conformance/http2-attacks/origin.ts'

parentPort!.postMessage((await Origin.start()).port)
