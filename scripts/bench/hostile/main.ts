/**
 * The crowd, as a process of its own, until its input ends; then it says how many connections it has opened.
 *
 * Usage: main.ts HOST PORT SEED
 */
import { Prng } from "../../../src/core/lib/prng.ts"
import { behaviours } from "./behaviours.ts"
import { Crowd } from "./crowd.ts"

const [host, port, seed] = process.argv.slice(2)
const crowds = behaviours.map(
  (behaviour, index) =>
    new Crowd(behaviour, String(host), Number(port), new Prng(Number(seed) * behaviours.length + index + 1)),
)
process.stdin.resume()
process.stdin.on("end", () => {
  for (const crowd of crowds) crowd.stop()
  process.stdout.write(`${crowds.reduce((sum, crowd) => sum + crowd.opened, 0)}\n`, () => process.exit())
})
