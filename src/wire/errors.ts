/**
 * The error catalogue: one table is the source of the codes on the wire, the names, the shell's texts and exit statuses,
 * and the manual. Codes are append-only; 0 is success.
 *
 * `retryable` says whether the same request may succeed later without anybody changing it. `definite` says that the
 * operation certainly had no effect: everything but `in_doubt` and `timeout` is.
 */
export interface ErrorEntry {
  readonly code: number
  readonly name: string
  readonly retryable: boolean
  readonly definite: boolean
  /** Exit status of a one-shot shell (`docs/`): 1 failed, 3 cannot connect, 4 outcome unknown. */
  readonly exitStatus: 1 | 3 | 4
  /** A sentence for a person. */
  readonly message: string
  /** What that person can do about it. */
  readonly solution: string
}

const entry = (
  code: number,
  name: string,
  retryable: boolean,
  message: string,
  solution: string,
  exitStatus: 1 | 3 | 4 = 1,
): ErrorEntry => ({ code, name, retryable, definite: exitStatus !== 4, exitStatus, message, solution })

// oxfmt-ignore
export const errorTable = [
  entry(
    1,
    "alias_not_found",
    false,
    "An entry matching the provided alias cannot be found.",
    "Check the alias; the entry may have expired or been removed.",
  ),
  entry(
    2,
    "alias_already_exists",
    false,
    "An entry matching the provided alias already exists.",
    "Use update to replace it, or remove it first.",
  ),
  entry(
    3,
    "unmatched_content",
    false,
    "The content does not match.",
    "Read the entry again and retry with its present content.",
  ),
  entry(
    4,
    "reserved_alias",
    false,
    'The alias is reserved: aliases that begin with "qdb" belong to the cluster.',
    "Choose another alias.",
  ),
  entry(5, "invalid_argument", false, "An argument is invalid.", "See the command's help."),
  entry(
    6,
    "unstable_cluster",
    true,
    "The cluster is unstable.",
    "Try again; cluster_status tells what it waits for.",
  ),
  entry(
    7,
    "wrong_node",
    true,
    "Another node serves this entry now.",
    "Client libraries ask for the new view and go there.",
  ),
  entry(
    8,
    "timeout",
    false,
    "No answer came in time; the operation may or may not have been carried out.",
    "Read the entry to learn which, or repeat an idempotent operation.",
    4,
  ),
  entry(
    9,
    "in_doubt",
    true,
    "The outcome is unknown: the operation was begun and its commitment could not be confirmed.",
    "Retry under the same number, or read the entry to learn the outcome.",
    4,
  ),
  entry(
    10,
    "disk_full",
    true,
    "The disk or the node's quota is full: writes are refused, reads go on.",
    "Remove entries, raise global.depot.max_bytes, or add a node.",
  ),
  entry(
    11,
    "entry_too_large",
    false,
    "The content is larger than an entry may be.",
    "Split it, or raise global.depot.max_entry_bytes (64 MiB at most).",
  ),
  entry(
    12,
    "too_many_sessions",
    true,
    "The node has as many sessions as it allows.",
    "Close idle clients or raise local.network.server_sessions.",
  ),
  entry(
    13,
    "unsupported_version",
    false,
    "No common protocol version.",
    "Use a client and a daemon of overlapping versions.",
  ),
  entry(
    14,
    "protocol_error",
    false,
    "A message does not follow the protocol.",
    "Report it with both versions if both sides are qdb's.",
  ),
  entry(15, "unknown_operation", false, "The node does not know this operation.", "Upgrade the node."),
  entry(
    16,
    "stale_request",
    false,
    "The request is older than what its client has declared answered; it was not executed.",
    "A retry that comes too late is refused; nothing is to be done.",
  ),
  entry(
    17,
    "data_corrupt",
    false,
    "Stored data does not match its checksum.",
    "The node's log names file and place; restore the node from a replica or a backup.",
  ),
  entry(18, "overloaded", true, "The node's queues are full.", "Try again; send fewer requests at once."),
  entry(
    19,
    "shutting_down",
    true,
    "The node is stopping.",
    "Connect to another node, or try again once it is back.",
  ),
  entry(
    20,
    "authentication_failed",
    false,
    "The cluster secret does not match.",
    "Give every node the same cluster_secret_file.",
  ),
  entry(
    21,
    "wrong_cluster",
    false,
    "The peer belongs to another cluster.",
    "Clusters never merge: check addresses and cluster ids.",
  ),
  entry(
    22,
    "operation_disabled",
    false,
    "This operation is disabled by the configuration, or not supported by the node's version.",
    "Enable it in the node's configuration, or see what the version supports.",
  ),
  entry(
    23,
    "connection_refused",
    true,
    "No daemon could be reached.",
    "Check that qdbd runs and that the address is right.",
    3,
  ),
  entry(
    24,
    "connection_lost",
    true,
    "The connection was lost before an answer came.",
    "The client library retries; else try again.",
    4,
  ),
  entry(
    25,
    "internal_error",
    false,
    "The node met an error of its own.",
    "The node's log and dump file hold the details.",
  ),
  entry(
    26,
    "cancelled",
    false,
    "The operation was cancelled by its caller before an answer came.",
    "Read the entry to learn whether it was carried out.",
    4,
  ),
  entry(
    27,
    "factor_would_fall",
    false,
    "With fewer nodes the replication factor could not be kept.",
    "Add a node first, lower the factor with cluster_set, or say --force.",
  ),
  entry(
    28,
    "loss_not_accepted",
    false,
    "Entries would be lost.",
    "Bring the node back, or accept the loss by name with cluster_recover.",
  ),
] as const

export type ErrorName =
  | "alias_not_found"
  | "alias_already_exists"
  | "unmatched_content"
  | "reserved_alias"
  | "invalid_argument"
  | "unstable_cluster"
  | "wrong_node"
  | "timeout"
  | "in_doubt"
  | "disk_full"
  | "entry_too_large"
  | "too_many_sessions"
  | "unsupported_version"
  | "protocol_error"
  | "unknown_operation"
  | "stale_request"
  | "data_corrupt"
  | "overloaded"
  | "shutting_down"
  | "authentication_failed"
  | "wrong_cluster"
  | "operation_disabled"
  | "connection_refused"
  | "connection_lost"
  | "internal_error"
  | "cancelled"
  | "factor_would_fall"
  | "loss_not_accepted"

/** Codes by name, so that code reads `code.alias_not_found`. */
export const code = Object.fromEntries(errorTable.map((e) => [e.name, e.code])) as Readonly<
  Record<ErrorName, number>
>

const byCode = new Map<number, ErrorEntry>(errorTable.map((e) => [e.code, e]))

/** @returns the catalogue's entry; an unknown code (a newer peer's) reads as `internal_error` */
export function errorOf(errorCode: number): ErrorEntry {
  return byCode.get(errorCode) ?? (byCode.get(code.internal_error) as ErrorEntry)
}
