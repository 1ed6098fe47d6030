/**
 * The cluster secret: where `cluster_secret_file` is set, both ends of a connection between nodes prove that they know it
 * before anything else is said. It never leaves the node.
 *
 * The dialler's hello carries a nonce; the other's hello a nonce of its own and a proof over both; the dialler then proves
 * the same in its first frame. A proof is HMAC-SHA-256 over who proves it (so that none can be reflected), both nonces
 * (so that none can be replayed) and both identities (so that none can be carried to another node).
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import { secretBytesMax, secretBytesMin } from "../../core/lib/limits.ts"
import type { NodeIdentity } from "../../wire/hello.ts"
import { StartError } from "../start-error.ts"

const nonceBytes = 32
const proofBytes = 32

export type Prover = "dialler" | "listener"

/** What one connection's handshake is about. */
export interface Handshake {
  readonly diallerNonce: Uint8Array
  readonly listenerNonce: Uint8Array
  readonly dialler: NodeIdentity
  readonly listener: NodeIdentity
}

export class ClusterSecret {
  private readonly key: Uint8Array

  constructor(key: Uint8Array) {
    this.key = key
  }

  /** @throws StartError where there is none to be read */
  static read(path: string): ClusterSecret {
    let key: Uint8Array
    try {
      if (statSync(path).size > secretBytesMax) throw new Error(`it is longer than ${secretBytesMax} bytes`)
      key = readFileSync(path)
    } catch (cause) {
      throw new StartError(`local.network.cluster_secret_file: ${path}: ${(cause as Error).message}`)
    }
    const trimmed = trim(key)
    if (trimmed.length < secretBytesMin) {
      throw new StartError(
        `local.network.cluster_secret_file: ${path}: a secret has at least ${secretBytesMin} bytes`,
      )
    }
    return new ClusterSecret(trimmed)
  }

  proof(prover: Prover, handshake: Handshake): Uint8Array {
    const hmac = createHmac("sha256", this.key)
    hmac.update(`qdb node link 1 ${prover}\n`)
    hmac.update(handshake.diallerNonce)
    hmac.update(handshake.listenerNonce)
    for (const { nodeId, storageId, boot } of [handshake.dialler, handshake.listener])
      hmac.update(`\n${nodeId} ${storageId} ${boot}`)
    return hmac.digest()
  }

  holds(prover: Prover, handshake: Handshake, proof: Uint8Array): boolean {
    return proof.length === proofBytes && timingSafeEqual(proof, this.proof(prover, handshake))
  }
}

export function nonce(): Uint8Array {
  return randomBytes(nonceBytes)
}

export function isNonce(auth: Uint8Array | null): auth is Uint8Array {
  return auth !== null && auth.length === nonceBytes
}

/** The listener's hello carries its nonce and its proof. */
export function joinAuth(listenerNonce: Uint8Array, proof: Uint8Array): Uint8Array {
  const joined = new Uint8Array(nonceBytes + proofBytes)
  joined.set(listenerNonce)
  joined.set(proof, nonceBytes)
  return joined
}

export function splitAuth(
  auth: Uint8Array | null,
): { readonly nonce: Uint8Array; readonly proof: Uint8Array } | undefined {
  if (auth?.length !== nonceBytes + proofBytes) return undefined
  return { nonce: auth.slice(0, nonceBytes), proof: auth.slice(nonceBytes) }
}

/** Editors end a file with a newline, and people copy secrets with them. */
function trim(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--
  return bytes.slice(0, end)
}
