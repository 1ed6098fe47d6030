/** What a person should know about answers that can be used as they are. Each looks only at the answers it is about. */
import { isLoopback } from "./address.ts"
import type { Address } from "./address.ts"
import type { Plan, Remarking } from "./answers.ts"
import type { Host } from "./places.ts"

const GiB = 2 ** 30
/** What a process may open on systems where nobody raised the limit. */
const descriptorsCommon = 4096
/** Files and connections beside the clients' own, with room to spare. */
const descriptorsOwn = 1000

/** @param parts those answers that have no fault */
export function remark(parts: Partial<Plan>, notice: Remarking): void {
  const { ramBytes = 0, diskBytes = 0, hosts, replication, sessions = 0, sync, transient } = parts
  if (ramBytes > 0 && ramBytes < GiB) notice("ram", "is little: below 1 GiB few entries stay in memory")
  if (diskBytes > 0 && transient === false && diskBytes < 10 * GiB)
    notice("disk", "is little: 10 GiB are the least that is advised")
  if (diskBytes > 0 && transient === true) notice("disk", "has no effect: nothing is stored")
  if (hosts !== undefined) aboutHosts(hosts, notice)
  if (replication === 1 && hosts !== undefined && hosts.length > 1)
    notice("replication", "no replicas: while a node is down its entries are unavailable")
  if (sync === false && transient === false)
    notice("sync", "without it a power cut may cost the last moments")
  if (transient === true) {
    const text = "in memory alone: what the memory does not hold is lost, and everything when the nodes stop"
    notice("persistence", text)
  }
  const descriptors = sessions + descriptorsOwn
  if (descriptors > descriptorsCommon) {
    const text = `each takes a file descriptor: the machine must allow ${descriptors} (ulimit -n, LimitNOFILE)`
    notice("sessions", text)
  }
}

function aboutHosts(hosts: readonly Host[], notice: Remarking): void {
  const n = hosts.length
  if (hosts.every(({ address }) => isLoopback(address.host))) {
    const text =
      n === 1
        ? "only this machine can reach it"
        : "all on this machine: good for trying, no protection against its failure"
    notice("hosts", text)
  }
  const families = new Set(hosts.map(({ address }) => address.family))
  if (families.size > 1) {
    const mixed = [...families].map(familyText).join(" and ")
    notice("hosts", `${mixed} mixed: make sure that every node reaches every other`)
  }
  if (n === 2) {
    const text =
      "two nodes: one of them votes, and the cluster stops while that one is down; three survive the loss of any"
    notice("hosts", text)
  } else if (n > 2 && n % 2 === 0) {
    const voters = n === 4 ? 3 : 5
    const more = n === 4 ? "; with a fifth node two may fail at once" : ""
    notice("hosts", `an even number: ${voters} of the ${n} nodes vote${more}`)
  }
}

const familyText = (family: Address["family"]) => (family === "name" ? "names" : family)
