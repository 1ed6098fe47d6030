/** Messages given as arrays, written by the product's writers. */
import { isWrite, operation } from "../../../src/core/entry/operation.ts"
import { errorTable } from "../../../src/wire/errors.ts"
import type { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import type { RequestWriter } from "../../../src/wire/request-writer.ts"
import type { Value, ValueMap } from "../../../src/wire/writer.ts"

/** What each opcode carries behind its head; the order in which faults are told. */
export const shapes: Readonly<Record<number, readonly string[]>> = (() => {
  const write = ["client", "number", "floor", "alias"]
  return {
    [operation.ping]: [],
    [operation.get]: ["alias"],
    [operation.put]: [...write, "content", "expires"],
    [operation.update]: [...write, "content", "expires"],
    [operation.remove]: write,
    [operation.get_update]: [...write, "content", "expires"],
    [operation.get_remove]: write,
    [operation.cas]: [...write, "content", "comparand", "expires"],
    [operation.remove_if]: [...write, "comparand"],
    [operation.expires_at]: [...write, "expires"],
    [operation.expires_from_now]: [...write, "expires"],
    [operation.get_expiry]: ["alias"],
    [operation.prefix_get]: ["prefix", "slot", "after", "bytesMax"],
    [operation.node_status]: [],
    [operation.node_config]: [],
    [operation.node_topology]: [],
    [operation.stop_node]: ["alias"],
    [operation.cluster_status]: [],
    [operation.cluster_plan]: ["added", "removed"],
    [operation.cluster_remove_node]: ["alias", "force"],
    [operation.cluster_recover]: ["alias"],
    [operation.cluster_set]: ["alias", "value"],
    [operation.slots_list]: ["prefix", "slot", "after", "bytesMax"],
  }
})()

/** Writes a request, given as its array, by the product's writer. */
export function writeRequest(writer: RequestWriter, message: readonly Value[]): void {
  const [opcode, id, epoch, timeLeft, ...rest] = message as number[]
  const head = [opcode, id, epoch, timeLeft] as [number, number, number, number]
  const parts = rest as unknown as Uint8Array[]
  if (opcode === operation.prefix_get || opcode === operation.slots_list) {
    const [prefix, slot, after, bytesMax] = parts as unknown as [Uint8Array, number, Uint8Array, number]
    return writer.prefixRequest(head[1], head[2], head[3], prefix, slot, after, bytesMax, opcode)
  }
  const [first, second] = parts
  if (opcode === operation.cluster_plan)
    return writer.planRequest(head[1], head[2], head[3], rest[0] as number, second as Uint8Array)
  if (opcode === operation.cluster_remove_node)
    return writer.removeNodeRequest(head[1], head[2], head[3], first as Uint8Array, rest[1] as number)
  if (opcode === operation.cluster_set)
    return writer.setRequest(head[1], head[2], head[3], first as Uint8Array, second as Uint8Array)
  if (!isWrite(opcode as number)) {
    if (parts.length === 0) return writer.plainRequest(...head)
    return writer.aliasRequest(...head, parts[0] as Uint8Array)
  }
  const [client, number, floor, alias] = rest as unknown as [Uint8Array, number, number, Uint8Array]
  const named = Object.fromEntries(
    (shapes[opcode as number] as string[]).map((name, index) => [name, parts[index]]),
  )
  const { content, comparand } = named
  writer.writeRequest(
    ...head,
    client,
    number,
    floor,
    alias,
    content,
    comparand,
    named["expires"] as unknown as number,
  )
}

/** Writes a message of the generator. @returns what was written: errors have the catalogue's texts */
export function writeReply(writer: ReplyWriter, message: readonly Value[]): readonly Value[] {
  const [code, id, first, second, third, fourth] = message as [number, number, ...Value[]]
  if (code !== 0) {
    const entry = errorTable[(code - 1) % errorTable.length] as (typeof errorTable)[number]
    const head = [entry.code, id, entry.name, entry.message, entry.retryable]
    if (!(fourth instanceof Uint8Array)) {
      writer.errorReply(entry.code, id)
      return head
    }
    const offset = writer.beginErrorContentReply(entry.code, id, fourth.length)
    writer.bytes.set(fourth, offset)
    return [...head, fourth]
  }
  if (message.length === 2) writer.okReply(id)
  else if (message.length === 5) {
    writer.beginListReply(id)
    for (const alias of first as Uint8Array[]) writer.listAlias(alias, 0, alias.length)
    const after = third as Uint8Array | null
    if (after === null) writer.endListReply()
    else writer.endListReplyWithCursor(second as number, after, 0, after.length)
  } else if (typeof first === "number") writer.integerReply(id, first)
  else if (first instanceof Uint8Array && id % 2 === 0) writer.contentReply(id, first, 0, first.length)
  else if (first instanceof Uint8Array) {
    const offset = writer.beginContentReply(id, first.length)
    writer.bytes.set(first, offset)
  } else writer.documentReply(id, first as ValueMap)
  return message
}
