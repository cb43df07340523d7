// Latency outliers in simulated time: how soon a slow host is out, and whether noise puts out anybody else.
//   node scripts/run.mjs bench/latency-outlier-simulation.ts
import {
  LATENCY_MODELS,
  type Simulation,
  type SimulationResult,
  simulate,
} from '../src/upstream/outlier-detection/latency/testing.ts'

function row(name: string, traffic: Simulation, healthy: SimulationResult): string {
  const result = simulate(traffic)
  const { detectedAfterS, slowShare, falseEjections, p99Ms } = result
  const detected = detectedAfterS < 0 ? 'never' : `${detectedAfterS.toFixed(1)} s`
  return [
    name.padEnd(14),
    `${traffic.slowness}x`.padStart(5),
    String(traffic.requestsPerSecond).padStart(7),
    detected.padStart(9),
    `${(100 * slowShare).toFixed(2)} %`.padStart(8),
    (p99Ms / healthy.p99Ms).toFixed(2).padStart(6),
    String(falseEjections).padStart(6),
  ].join(' ')
}

console.log('One host of ten turns slow; defaults, enforced.')
console.log('latency        slow   req/s  out after   share p99 vs healthy  wrongly out')
for (const [name, model] of Object.entries(LATENCY_MODELS)) {
  for (const requestsPerSecond of [200, 1000, 5000]) {
    const traffic = { model, seconds: 300, slowFromS: 60, requestsPerSecond }
    const healthy = simulate({ ...traffic, slowness: 1 })
    for (const slowness of [2, 5, 20]) console.log(row(name, { ...traffic, slowness }, healthy))
  }
}

console.log('\nAn hour of noise at 1,000 requests per second, ten hosts, five seeds: hosts put out wrongly.')
for (const [name, model] of Object.entries(LATENCY_MODELS)) {
  const seeds = [1, 2, 3, 4, 5]
  const wrong = seeds.map(seed => simulate({ model, seconds: 3600, seed }).falseEjections)
  console.log(`${name.padEnd(14)} ${wrong.join(' ')}`)
}
