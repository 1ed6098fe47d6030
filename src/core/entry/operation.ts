/**
 * What a client may ask for. The numbers are the wire's opcodes and append-only.
 *
 * `read` leaves the entry as it is; `write` may change it, carries `(client id, number, floor)` and is executed exactly
 * once; `list` walks many entries in pieces; `node` concerns the node or the cluster.
 */
export const operation = {
  ping: 1,
  get: 2,
  put: 3,
  update: 4,
  remove: 5,
  get_update: 6,
  get_remove: 7,
  cas: 8,
  remove_if: 9,
  expires_at: 10,
  expires_from_now: 11,
  get_expiry: 12,
  prefix_get: 13,
  node_status: 14,
  node_config: 15,
  node_topology: 16,
  stop_node: 17,
  cluster_status: 18,
  cluster_plan: 19,
  cluster_remove_node: 20,
  cluster_recover: 21,
  cluster_set: 22,
  slots_list: 23,
} as const

export type OperationName = keyof typeof operation
export type Operation = (typeof operation)[OperationName]

/** True for operations that change the cluster: orders of an operator, which may be given twice and mean the same. */
export function isOrder(op: number): boolean {
  return op === operation.stop_node || (op >= operation.cluster_remove_node && op <= operation.cluster_set)
}

/** True for operations that change one entry and so carry an exactly-once number. */
export function isWrite(op: number): boolean {
  return op >= operation.put && op <= operation.expires_from_now
}
