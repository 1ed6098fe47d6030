/**
 * A connection that another node has dialled: its hello is answered, with a challenge where a cluster secret is set, and
 * until the challenge is met nothing else that it says is looked at. After that its messages go to the node.
 */
import type { DataMessage } from "../../core/node/data-message.ts"
import type { PeerMessage } from "../../core/member/event.ts"
import { code } from "../../wire/errors.ts"
import type { Hello, NodeIdentity } from "../../wire/hello.ts"
import { decodePeerFrame, writePong } from "../../wire/peer/frame.ts"
import type { Session } from "../net/session.ts"
import { type ClusterSecret, type Handshake, isNonce, joinAuth, nonce } from "./secret.ts"

export interface AcceptedOptions {
  readonly identity: NodeIdentity
  readonly secret: ClusterSecret | undefined
  readonly onControl: (message: PeerMessage) => void
  /** The message is good only during the call: it refers to the frame's bytes. */
  readonly onData: (message: DataMessage) => void
}

/** Why a connection between nodes is refused. */
export interface PeerRefusal {
  readonly code: number
  readonly message: string
}

export class AcceptedLink {
  readonly from: NodeIdentity
  /** What the answering hello carries. */
  readonly auth: Uint8Array | null
  /** Records come on it: it is not read from while storage has no room for them. */
  carriesRecords = false
  private readonly options: AcceptedOptions
  /** Until the proof has come. */
  private handshake: Handshake | undefined

  private constructor(
    from: NodeIdentity,
    auth: Uint8Array | null,
    handshake: Handshake | undefined,
    options: AcceptedOptions,
  ) {
    this.from = from
    this.auth = auth
    this.handshake = handshake
    this.options = options
  }

  /** @returns the link, or why there is none */
  static greet(hello: Hello, options: AcceptedOptions): AcceptedLink | PeerRefusal {
    const { secret, identity } = options
    const dialler = hello.node
    if (dialler === null) return { code: code.protocol_error, message: "The node does not say who it is." }
    if (secret === undefined) return new AcceptedLink(dialler, null, undefined, options)
    if (!isNonce(hello.auth))
      return {
        code: code.authentication_failed,
        message: "This node has a cluster secret, and the peer has none.",
      }
    const listenerNonce = nonce()
    const handshake = { diallerNonce: hello.auth, listenerNonce, dialler, listener: identity }
    const auth = joinAuth(listenerNonce, secret.proof("listener", handshake))
    return new AcceptedLink(dialler, auth, handshake, options)
  }

  /** Takes one frame. @returns why the connection is to be closed, if it is */
  take(session: Session, bytes: Uint8Array, start: number, end: number): PeerRefusal | undefined {
    const frame = decodePeerFrame(bytes, start, end)
    if (this.handshake !== undefined) {
      const { handshake } = this
      const isProof = frame.kind === "proof"
      if (!isProof || !this.options.secret?.holds("dialler", handshake, frame.proof))
        return { code: code.authentication_failed, message: "The peer's cluster secret is another." }
      this.handshake = undefined
      return undefined
    }
    switch (frame.kind) {
      case "ping":
        writePong(session.out, frame.number)
        return undefined
      case "control":
        if (!this.isFrom(frame.message.from)) return impostor
        this.options.onControl(frame.message)
        return undefined
      case "data": {
        if (!this.isFrom(frame.message.from)) return impostor
        const { kind } = frame.message.body
        if (kind === "append" || kind === "piece" || kind === "forward") this.carriesRecords = true
        this.options.onData(frame.message)
        return undefined
      }
      default:
        return { code: code.protocol_error, message: "A message between nodes is not understood." }
    }
  }

  private isFrom({ storageId, boot }: { readonly storageId: string; readonly boot: number }): boolean {
    return storageId === this.from.storageId && boot === this.from.boot
  }
}

const impostor: PeerRefusal = {
  code: code.protocol_error,
  message: "The node speaks in the name of another.",
}
