/** The commands that concern a node or the whole cluster: what its operator asks and orders. */
import { argument, type Command } from "./command.ts"

const address = argument("address", "address", true)
const timeout = {
  name: "--timeout",
  kind: "duration",
  summary: "how long to wait, as in 20s or 2m; as long as a request unless given",
} as const

export const clusterCommands: readonly Command[] = [
  {
    name: "cluster_status",
    class: "node",
    arguments: [],
    summary: "print whether the cluster is stable, and what it waits for",
    description:
      "Prints the state of the cluster: its members, whether every entry is served and has its replicas, what moves, and in " +
      "words what is wrong and what it waits for. A table on a terminal, JSON elsewhere.",
    since: "0.1.0",
    reply: "document",
    examples: [{ input: "cluster_status" }],
    errors: [],
    otherNames: ["status", "info"],
  },
  {
    name: "cluster_wait",
    class: "node",
    arguments: [],
    options: [
      {
        name: "--stable",
        kind: "flag",
        summary: "until everything is in its place and nothing moves (unless said otherwise)",
      },
      {
        name: "--serving",
        kind: "flag",
        summary: "until every entry is served, though replicas may be missing or move",
      },
      timeout,
    ],
    summary: "wait until the cluster is stable",
    description:
      "Asks for the cluster's state until it is stable, or serving. If it is not in time the command fails with " +
      "unstable_cluster and says what the cluster waits for. It also waits for a daemon that is not up yet.",
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "cluster_wait --stable --timeout 20s" }],
    errors: ["unstable_cluster", "connection_refused"],
    otherNames: ["wait", "wait_for_stabilization"],
  },
  {
    name: "cluster_plan",
    class: "node",
    arguments: [],
    options: [
      { name: "--add", kind: "count", summary: "that many nodes" },
      {
        name: "--remove",
        kind: "nodes",
        summary: "these nodes, by node id or address, with commas between them",
      },
    ],
    summary: "print what adding or removing nodes would move",
    description:
      "Prints how many slots each member would hold, and how many would be copied, if nodes were added or removed. It " +
      "changes nothing. Without an option it prints what the cluster itself would still move.",
    since: "0.1.0",
    reply: "document",
    examples: [{ input: "cluster_plan --add 1" }, { input: "cluster_plan --remove 192.168.1.3:2836" }],
    errors: ["invalid_argument"],
    otherNames: ["plan"],
  },
  {
    name: "cluster_set",
    class: "node",
    arguments: [argument("setting", "setting"), argument("value", "value")],
    summary: "change a setting of the running cluster",
    description:
      "Changes what the cluster agrees on while it runs: replication_factor (1 to 4), repair_grace_seconds (how long a node " +
      "may be away before its replicas are restored elsewhere), suspect_ms (how long a node may be silent). The new value " +
      "holds for all nodes, whatever their files say; copies that it needs are made afterwards.",
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "cluster_set replication_factor 3" }],
    errors: ["invalid_argument", "unstable_cluster"],
    otherNames: ["set_setting", "cluster_config"],
  },
  {
    name: "cluster_remove_node",
    class: "node",
    arguments: [argument("node", "node")],
    options: [
      { name: "--force", kind: "flag", summary: "even if the replication factor cannot be kept" },
      { name: "--wait", kind: "flag", summary: "until the node has left" },
      timeout,
    ],
    summary: "let a node leave the cluster for good",
    description:
      "Takes a member, named by its node id or its address, out of the cluster: its entries are copied to the others first, " +
      "then its process ends. It is refused where fewer nodes than the replication factor would be left, unless --force says " +
      "otherwise, and always where a node that is down holds the only copy of something.",
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "cluster_remove_node 192.168.1.3:2836 --wait" }],
    errors: ["factor_would_fall", "loss_not_accepted", "invalid_argument", "unstable_cluster"],
    otherNames: ["remove_node", "decommission"],
  },
  {
    name: "cluster_recover",
    class: "node",
    arguments: [argument("nodes", "nodes")],
    summary: "accept that what only some lost nodes held is lost",
    description:
      "Gives up the copies of members that are down and will not come back, named by node id or address with commas " +
      "between them, who then are members no more. Where only they held what was acknowledged, the slot goes on with the newest " +
      "older copy that somebody has, or begins empty: the rest is lost for ever, and cluster_status says so for ever. Nothing " +
      "else makes the cluster forget acknowledged entries, so on a terminal it asks, and the answer must be yes; otherwise it " +
      "needs the option --yes of the shell. Refused for members that are not down. Prints what was given up.",
    since: "0.1.0",
    reply: "document",
    examples: [{ input: "cluster_recover 192.168.1.3:2836" }],
    errors: ["invalid_argument", "unstable_cluster", "timeout"],
    otherNames: ["recover"],
  },
  {
    name: "node_status",
    class: "node",
    arguments: [address],
    summary: "print a node's status",
    description: "Prints the status of a node as JSON: by default of the node the shell is connected to.",
    since: "0.1.0",
    reply: "document",
    examples: [{ input: "node_status 192.168.1.2:2836" }],
    errors: ["connection_refused"],
    otherNames: ["stats"],
  },
  {
    name: "node_config",
    class: "node",
    arguments: [address],
    summary: "print a node's configuration",
    description:
      "Prints the configuration a node runs with as JSON: by default of the node the shell is connected to.",
    since: "0.1.0",
    reply: "document",
    examples: [{ input: "node_config" }],
    errors: ["connection_refused"],
    otherNames: ["config"],
  },
  {
    name: "node_topology",
    class: "node",
    arguments: [address],
    summary: "print a node's neighbours on the ring",
    description:
      "Prints what a node knows of the ring as JSON, its predecessor and successor first: by default of the node the shell " +
      "is connected to.",
    since: "0.1.0",
    reply: "document",
    examples: [{ input: "node_topology" }],
    errors: ["connection_refused"],
    otherNames: ["topology", "ring"],
  },
  {
    name: "stop_node",
    class: "node",
    arguments: [address, argument("reason", "reason")],
    summary: "stop a node",
    description:
      "Stops a node, by default the one the shell is connected to, after it has handed its work over. The reason, which must " +
      "be given, goes to that node's log. The first word is taken for an address only if it is HOST:PORT or an IP address.",
    since: "0.1.0",
    reply: "silent",
    examples: [{ input: "stop_node 192.168.1.2:2836 new memory is here" }],
    errors: ["connection_refused", "operation_disabled"],
    otherNames: ["node_stop", "shutdown"],
  },
]
