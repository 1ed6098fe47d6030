/** How views, votes and the founders' record travel and lie on disk. */
import { configListItemsMax, slotChangesPerViewMax, viewBytesMax } from "../../core/lib/limits.ts"
import type { AcceptorState, Ballot, Proposal } from "../../core/view/ballot.ts"
import { decodeView, encodeView } from "../../core/view/encode.ts"
import type { Certificate, Evidence, Release } from "../../core/view/evidence.ts"
import type { Founder, FoundingRecord } from "../../core/view/founding.ts"
import type { View } from "../../core/view/view.ts"
import { type Codec, list, optional, struct } from "./codec.ts"
import { delta } from "./delta.ts"
import { count, name, nodeId, settings, slotNumber, weight } from "./fields.ts"

const nobody: View = Object.freeze({
  clusterId: "",
  epoch: 0,
  members: [],
  voters: [],
  settings: {
    replicationFactor: 1,
    slotCount: 1,
    sync: true,
    transient: false,
    entryBytesMax: 0,
    leaseMs: 0,
    suspectMs: 0,
    repairGraceMs: 0,
  },
  slots: [],
  losses: [],
})

/** As one byte string. */
export const view: Codec<View> = {
  write: (writer, value) => writer.byteString(encodeView(value)),
  read: (reader) => {
    if (!reader.readBytes(0, viewBytesMax)) reader.failed = true
    if (reader.failed) return nobody
    const decoded = decodeView(reader.bytes.subarray(reader.rangeStart, reader.rangeEnd))
    if (typeof decoded !== "string") return decoded
    reader.failed = true
    return nobody
  },
}

export const ballot: Codec<Ballot> = struct<Ballot>({ round: count, storageId: name, boot: count })

export const certificate: Codec<Certificate> = struct<Certificate>({
  epoch: count,
  slot: slotNumber,
  primary: name,
  boot: count,
  learner: name,
})

export const release: Codec<Release> = struct<Release>({
  epoch: count,
  slot: slotNumber,
  primary: name,
  boot: count,
})

const evidence: Codec<Evidence> = struct<Evidence>({
  certificates: list(certificate, slotChangesPerViewMax),
  releases: list(release, slotChangesPerViewMax),
})

export const proposal: Codec<Proposal> = struct<Proposal>({
  delta,
  evidence,
})

export const acceptor: Codec<AcceptorState> = struct<AcceptorState>({
  instance: count,
  promised: ballot,
  acceptedBallot: optional(ballot),
  accepted: optional(proposal),
})

export const founding: Codec<FoundingRecord> = struct<FoundingRecord>({
  founders: list(
    struct<Founder>({ address: name, nodeId, storageId: name, weight, zone: name }),
    configListItemsMax + 1,
  ),
  settings,
})
