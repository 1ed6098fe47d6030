/** The load generator's program, compiled by the benchmark: `load-generator PLAN`. */
import type { LoadProtocol } from "./batch.ts"
import { LoadGenerator } from "./generator.ts"
import type { LoadPlan } from "./plan.ts"
import { qdbProtocol } from "./qdb.ts"
import { etcdProtocol } from "./etcd.ts"
import { redisProtocol } from "./redis.ts"

const plan = JSON.parse(process.argv[2] ?? "{}") as LoadPlan
const protocols: Readonly<Record<string, LoadProtocol>> = {
  qdb: qdbProtocol,
  redis: redisProtocol,
  etcd: etcdProtocol,
}
const protocol = protocols[plan.protocol]
if (protocol === undefined) {
  console.error("load-generator: the argument is a plan as JSON; see scripts/bench/load/plan.ts")
  process.exit(2)
}
try {
  console.log(JSON.stringify(await new LoadGenerator(plan, protocol).run()))
  process.exit(0)
} catch (error) {
  console.error(`load-generator: ${(error as Error).message}`)
  process.exit(1)
}
