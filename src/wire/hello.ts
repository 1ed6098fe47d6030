/**
 * The first frame of a connection, both ways: `["qdb", [minVersion, maxVersion], role, softwareVersion, clusterId|nil,
 * [nodeId, storageId, boot]|nil, auth|nil, clockMs]`. A server that refuses answers with an error frame instead.
 *
 * A hello must be readable by a peer of another version, or nobody could say why they do not understand each other. So its
 * first eight elements never change, and a decoder ignores what a newer one has behind them.
 */
import {
  expiresAtMsMax,
  helloAuthBytesMax,
  helloFrameBytesMax,
  helloTextCharactersMax,
} from "../core/lib/limits.ts"
import { decodeReply, errorMessage, Reply, replyKind } from "./reply.ts"
import { decodeArray } from "./value.ts"
import type { Value, Writer } from "./writer.ts"

/** The versions of the protocol that this build speaks. */
export const wireVersionMin = 1
export const wireVersionMax = 1

export type Role = "client" | "node"

/** Who a node is: its place on the ring, its data directory, and how often that was started. */
export interface NodeIdentity {
  /** `hex-hex-hex-hex` */
  readonly nodeId: string
  readonly storageId: string
  readonly boot: number
}

export interface Hello {
  readonly versionMin: number
  readonly versionMax: number
  readonly role: Role
  /** For people and logs only. */
  readonly softwareVersion: string
  readonly clusterId: string | null
  readonly node: NodeIdentity | null
  /** A challenge or its answer, where a cluster secret is set. */
  readonly auth: Uint8Array | null
  /** The sender's wall clock, so that a large difference can be warned of. */
  readonly clockMs: number
}

/** What a first frame says. */
export type FirstFrame =
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "refusal"; readonly code: number; readonly message: string; readonly retryable: boolean }
  | { readonly kind: "malformed"; readonly reason: string }

/** Writes a hello as a whole frame. */
export function writeHello(writer: Writer, hello: Hello): void {
  const { node } = hello
  const frame = writer.beginFrame()
  writer.value([
    "qdb",
    [hello.versionMin, hello.versionMax],
    hello.role,
    hello.softwareVersion,
    hello.clusterId,
    node === null ? null : [node.nodeId, node.storageId, node.boot],
    hello.auth,
    hello.clockMs,
  ])
  writer.endFrame(frame)
}

/** Decodes the first frame of a connection, hello or refusal. */
export function decodeFirstFrame(bytes: Uint8Array, start: number, end: number): FirstFrame {
  if (end - start > helloFrameBytesMax) return wrong("it is too long")
  const refusal = new Reply()
  if (decodeReply(bytes, start, end, refusal) === 0 && refusal.kind === replyKind.error) {
    return {
      kind: "refusal",
      code: refusal.code,
      message: errorMessage(refusal),
      retryable: refusal.retryable,
    }
  }
  const fields = decodeArray(bytes, start, end)
  if (fields === undefined || fields[0] !== "qdb") return wrong("it is no hello of qdb")
  if (fields.length < 8) return wrong("it has fewer than eight elements")
  return helloOf(fields)
}

function helloOf(fields: readonly Value[]): FirstFrame {
  const [, versions, role, softwareVersion, clusterId, identity, auth, clockMs] = fields
  if (!Array.isArray(versions) || versions.length !== 2) return wrong("its versions are no pair")
  const [versionMin, versionMax] = versions as readonly Value[]
  if (!isInteger(versionMin, 0xffff) || !isInteger(versionMax, 0xffff) || versionMin > versionMax) {
    return wrong("its versions are no range")
  }
  if (role !== "client" && role !== "node") return wrong("its role is neither client nor node")
  if (!isText(softwareVersion)) return wrong("its software version is no short string")
  if (clusterId !== null && !isText(clusterId)) return wrong("its cluster id is no short string")
  const node = identity === null ? null : identityOf(identity)
  if (node === undefined) return wrong("its node is not [node id, storage id, boot]")
  if (role === "node" && node === null) return wrong("a node does not say who it is")
  if (auth !== null && !(auth instanceof Uint8Array && auth.length <= helloAuthBytesMax)) {
    return wrong("its authentication is no short byte string")
  }
  if (!isInteger(clockMs, expiresAtMsMax)) return wrong("its clock is no time")
  return {
    kind: "hello",
    hello: { versionMin, versionMax, role, softwareVersion, clusterId, node, auth, clockMs },
  }
}

function identityOf(value: Value | undefined): NodeIdentity | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined
  const [nodeId, storageId, boot] = value as readonly Value[]
  if (!isText(nodeId) || !isText(storageId) || !isInteger(boot, Number.MAX_SAFE_INTEGER)) return undefined
  return { nodeId, storageId, boot }
}

/**
 * @returns the newest version that both sides speak; 0 = none. Both sides compute the same from the two hellos.
 */
export function negotiateVersion(
  versionMin: number,
  versionMax: number,
  ownMin: number = wireVersionMin,
  ownMax: number = wireVersionMax,
): number {
  const newest = Math.min(versionMax, ownMax)
  return newest >= Math.max(versionMin, ownMin) ? newest : 0
}

/** The message of `unsupported_version`: it names both ranges. */
export function versionRefusal(
  versionMin: number,
  versionMax: number,
  ownMin: number = wireVersionMin,
  ownMax: number = wireVersionMax,
): string {
  const theirs = rangeText(versionMin, versionMax)
  const ours = rangeText(ownMin, ownMax)
  return `No common protocol version: the peer speaks ${theirs}, this node speaks ${ours}.`
}

function rangeText(low: number, high: number): string {
  return low === high ? `version ${low}` : `versions ${low} to ${high}`
}

function wrong(reason: string): FirstFrame {
  return { kind: "malformed", reason: `The first frame is not understood: ${reason}.` }
}

function isInteger(value: Value | undefined, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max
}

function isText(value: Value | undefined): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= helloTextCharactersMax
}
