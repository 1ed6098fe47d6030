/** The messages of membership (`core/member/event.ts`) on the control connection. */
import {
  configListItemsMax,
  refusalTextBytesMax,
  viewDeltasMax,
  votersMax,
  wantsPerHeartbeatMax,
} from "../../core/lib/limits.ts"
import type { Hello, Identity, MessageBody, PeerMessage, Want } from "../../core/member/event.ts"
import { type Codec, finite, flag, list, optional, struct, text, union, whole, word } from "./codec.ts"
import { delta } from "./delta.ts"
import { count, name, nodeId, settings, slotNumber, weight } from "./fields.ts"
import { ballot, certificate, founding, proposal, release, view } from "./view.ts"

export const identity: Codec<Identity> = struct<Identity>({
  nodeId,
  storageId: name,
  boot: count,
  address: name,
})

const want: Codec<Want> = union<Want>({
  drop: [1, { epoch: count, slot: slotNumber, storageId: name }],
  promote: [2, { certificate }],
  release: [3, { release, target: name }],
  giveUp: [4, { epoch: count, slot: slotNumber }],
  addLearner: [5, { epoch: count, slot: slotNumber, storageId: name }],
  offer: [6, { epoch: count, slot: slotNumber, lastEpoch: count, sequence: count }],
})

const hello: Codec<Hello> = struct<Hello>({
  number: count,
  isAnswer: flag,
  peers: list(name, configListItemsMax + 1),
  settings,
  weight,
  zone: name,
  founding: optional(founding),
})

const body: Codec<MessageBody> = union<MessageBody>({
  prepare: [1, { instance: count, ballot }],
  promise: [2, { instance: count, ballot, acceptedBallot: optional(ballot), accepted: optional(proposal) }],
  accept: [3, { instance: count, ballot, proposal }],
  accepted: [4, { instance: count, ballot }],
  refused: [5, { instance: count, ballot, promised: ballot, waits: flag }],
  view: [6, { view }],
  behind: [7, {}],
  deltas: [8, { deltas: list(delta, viewDeltasMax) }],
  heartbeat: [
    9,
    {
      number: count,
      wants: list(want, wantsPerHeartbeatMax),
      standing: word(["up", "down", "leaving"]),
      unclean: flag,
      lagMs: finite(0),
    },
  ],
  heartbeatReply: [10, { number: count, granted: flag }],
  poll: [11, { subject: name, number: count }],
  pollReply: [12, { subject: name, number: count, heard: flag }],
  hello: [13, { hello }],
  welcome: [14, { view, number: count }],
  join: [15, { weight, zone: name, number: count }],
  call: [16, { nodeId, storageId: name, voters: list(name, votersMax) }],
  refusal: [
    17,
    {
      reason: word(["wrong_cluster", "old_copy", "duplicate_node_id", "not_a_member"]),
      boot: whole(),
      text: text(refusalTextBytesMax),
    },
  ],
})

/** What follows the kind in a control frame. */
export const peerMessage: Codec<PeerMessage> = struct<PeerMessage>({
  clusterId: name,
  from: identity,
  to: name,
  epoch: count,
  body,
})
