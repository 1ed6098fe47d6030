/** `README.txt` of a generated cluster: the commands that come next, with this cluster's names in them. */
import type { Plan } from "./answers.ts"
import { addressOf } from "./hosts.ts"
import { placeText } from "./places.ts"

/** @param names of the configuration files, in the plan's order */
export function readmeText(plan: Plan, names: readonly string[]): string {
  const addresses = plan.hosts.map(({ address }) => addressOf(address))
  const rows = plan.hosts.map(
    ({ place }, i) =>
      `  ${(names[i] as string).padEnd(width(names))}  ${(addresses[i] as string).padEnd(width(addresses))}  ${placeText(place)}\n`,
  )
  const starts = names.map((name) => `  qdbd -c ${name}\n`)
  const copies =
    plan.replication === 1
      ? "one copy of each entry, no replicas"
      : `${plan.replication} copies of each entry`
  const one = names.length === 1
  return `A qdb cluster of ${one ? "one node" : `${names.length} nodes`}, ${copies}

  ${"file".padEnd(width(names))}  ${"address".padEnd(width(addresses))}  place on the ring
${rows.join("")}
1. Put each .conf file, and qdb_license.txt beside it, into the folder of
   qdbd on its node. Data is stored there as well.

2. Check the file, on each node:

  qdbd -c ${names[0]} --check-config

3. ${
    one
      ? "Start the daemon"
      : "Start the daemons, each on its node, in any order. The cluster begins\n   when all of them are up"
  }:

${starts.join("")}
4. See that it is stable, and use it${one ? "" : "; any node will do"}:

  qdbsh --daemon=${addresses[0]} cluster_status
  qdbsh --daemon=${addresses.at(-1)}

To add a node later, keep answers.json and give the new node a file of its
own. Nobody else's place changes, and nodes that run need no restart:

  qdbd confgen --from answers.json --add HOST -o grown/
`
}

const width = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length))
