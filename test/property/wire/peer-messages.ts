/** Messages between nodes, drawn: every kind, with every field in use. */
import * as fc from "fast-check"
import type { MessageBody, PeerMessage, Want } from "../../../src/core/member/event.ts"
import type { DataBody, DataMessage } from "../../../src/core/node/data-message.ts"
import { unknownEpoch } from "../../../src/core/lib/limits.ts"
import type { AcceptorState } from "../../../src/core/view/ballot.ts"
import type { ViewDelta } from "../../../src/core/view/delta.ts"
import type { FoundingRecord } from "../../../src/core/view/founding.ts"
import type { View } from "../../../src/core/view/view.ts"
import { drawView } from "../../unit/view/sample.ts"

const whole = fc.oneof(fc.nat(300), fc.maxSafeNat())
const name = fc.oneof(fc.string({ unit: "grapheme", maxLength: 12 }), fc.uuid())
const nodeId = fc.string({
  unit: fc.constantFrom(..."0123456789abcdef"),
  minLength: 64,
  maxLength: 64,
})
const slot = fc.nat(0xffff)
const weight = fc.oneof(fc.constant(1), fc.double({ min: 1e-3, max: 1e3, noNaN: true }))
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>

const settings = record<View["settings"]>({
  replicationFactor: whole,
  slotCount: whole,
  sync: fc.boolean(),
  transient: fc.boolean(),
  entryBytesMax: whole,
  leaseMs: whole,
  suspectMs: whole,
  repairGraceMs: whole,
})

const view: fc.Arbitrary<View> = fc
  .tuple(fc.nat(), fc.integer({ min: 1, max: 6 }), fc.constantFrom(1, 4, 16))
  .map(([seed, members, slots]) => drawView(seed, members, slots))

const member = record<View["members"][number]>({
  nodeId,
  storageId: name,
  boot: whole,
  address: name,
  standing: fc.constantFrom("up" as const, "down" as const, "leaving" as const),
  weight,
  zone: name,
})

const holders = fc.uniqueArray(fc.constantFrom("s1", "s2", "s3", "ü"), { minLength: 1, maxLength: 3 })
const slots: fc.Arbitrary<ViewDelta["slots"]> = fc
  .uniqueArray(fc.tuple(slot, holders, fc.nat(1), whole), { selector: ([at]) => at, maxLength: 6 })
  .map((rows) =>
    rows
      .sort(([a], [b]) => a - b)
      .map(([at, inSync, learners, slotEpoch]) => ({
        slot: at,
        assignment: { inSync, learners: inSync.slice(0, learners), slotEpoch },
      })),
  )

const delta = record<ViewDelta>({
  epoch: whole,
  clusterId: maybe(name),
  members: fc.array(member, { maxLength: 3 }),
  removed: fc.array(name, { maxLength: 3 }),
  voters: maybe(fc.array(name, { maxLength: 5 })),
  settings: maybe(settings),
  slots,
  loss: maybe(
    record({
      epoch: whole,
      lost: fc.array(record({ storageId: name, address: name }), { maxLength: 3 }),
      slots: fc.array(slot, { maxLength: 6 }),
    }),
  ),
})

const ballot = record({ round: whole, storageId: name, boot: whole })
const certificate = record({ epoch: whole, slot, primary: name, boot: whole, learner: name })
const release = record({ epoch: whole, slot, primary: name, boot: whole })
const proposal = record({
  delta,
  evidence: record({
    certificates: fc.array(certificate, { maxLength: 3 }),
    releases: fc.array(release, { maxLength: 3 }),
  }),
})

export const acceptor: fc.Arbitrary<AcceptorState> = record({
  instance: whole,
  promised: ballot,
  acceptedBallot: maybe(ballot),
  accepted: maybe(proposal),
})

export const founding: fc.Arbitrary<FoundingRecord> = record({
  founders: fc.array(record({ address: name, nodeId, storageId: name, weight, zone: name }), {
    maxLength: 4,
  }),
  settings,
})

export const anyView: fc.Arbitrary<View> = view

const want: fc.Arbitrary<Want> = fc.oneof(
  record<Want>({ kind: fc.constant("drop" as const), epoch: whole, slot, storageId: name } as never),
  record<Want>({ kind: fc.constant("promote" as const), certificate } as never),
  record<Want>({ kind: fc.constant("release" as const), release, target: name } as never),
  record<Want>({ kind: fc.constant("giveUp" as const), epoch: whole, slot } as never),
  record<Want>({ kind: fc.constant("addLearner" as const), epoch: whole, slot, storageId: name } as never),
  record<Want>({
    kind: fc.constant("offer" as const),
    epoch: whole,
    slot,
    lastEpoch: whole,
    sequence: whole,
  } as never),
)

/** The fields of every kind of body: the type says that none is left out. */
const bodies: {
  [K in MessageBody["kind"]]: {
    [F in Exclude<keyof Extract<MessageBody, { kind: K }>, "kind">]: fc.Arbitrary<
      Extract<MessageBody, { kind: K }>[F]
    >
  }
} = {
  prepare: { instance: whole, ballot },
  promise: { instance: whole, ballot, acceptedBallot: maybe(ballot), accepted: maybe(proposal) },
  accept: { instance: whole, ballot, proposal },
  accepted: { instance: whole, ballot },
  refused: { instance: whole, ballot, promised: ballot, waits: fc.boolean() },
  view: { view },
  behind: {},
  deltas: { deltas: fc.array(delta, { maxLength: 3 }) },
  heartbeat: {
    number: whole,
    wants: fc.array(want, { maxLength: 4 }),
    standing: fc.constantFrom("up" as const, "down" as const, "leaving" as const),
    unclean: fc.boolean(),
    lagMs: fc.oneof(fc.nat(100), fc.double({ min: 0, max: 1e6, noNaN: true })),
  },
  heartbeatReply: { number: whole, granted: fc.boolean() },
  poll: { subject: name, number: whole },
  pollReply: { subject: name, number: whole, heard: fc.boolean() },
  hello: {
    hello: record({
      number: whole,
      isAnswer: fc.boolean(),
      peers: fc.array(name, { maxLength: 4 }),
      settings,
      weight,
      zone: name,
      founding: maybe(founding),
    }),
  },
  welcome: { view, number: whole },
  join: { weight, zone: name, number: whole },
  call: { nodeId, storageId: name, voters: fc.array(name, { maxLength: 5 }) },
  refusal: {
    reason: fc.constantFrom(
      "wrong_cluster" as const,
      "old_copy" as const,
      "duplicate_node_id" as const,
      "not_a_member" as const,
    ),
    boot: whole,
    text: fc.string({ unit: "grapheme", maxLength: 40 }),
  },
}

export const bodyKinds = Object.keys(bodies) as MessageBody["kind"][]

/** A message whose body is of this kind. */
export function messageOf(kind: MessageBody["kind"]): fc.Arbitrary<PeerMessage> {
  const body = record({ kind: fc.constant(kind), ...bodies[kind] } as never) as fc.Arbitrary<MessageBody>
  const from = record({ nodeId, storageId: name, boot: whole, address: name })
  return record<PeerMessage>({ clusterId: name, from, to: name, epoch: whole, body })
}

export const anyMessage: fc.Arbitrary<PeerMessage> = fc.oneof(...bodyKinds.map(messageOf))

const bytes = fc.uint8Array({ maxLength: 40 })
const alias = fc.uint8Array({ maxLength: 12 })
const sequence = fc.oneof(fc.constant(-1), whole)
const expiry = fc.oneof(fc.constant(0), fc.nat(253_402_300_799_999))
const client = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((letters) => String.fromCharCode(...letters))
const code = fc.nat(300)
const state = record<Extract<DataBody, { kind: "appended" }>["refused"][number]>({
  slot,
  slotEpoch: whole,
  sequence,
  committedSequence: sequence,
  epochs: fc.array(record({ slotEpoch: whole, firstSequence: sequence }), { maxLength: 3 }),
})

const dataBodies: {
  [K in DataBody["kind"]]: {
    [F in Exclude<keyof Extract<DataBody, { kind: K }>, "kind">]: fc.Arbitrary<
      Extract<DataBody, { kind: K }>[F]
    >
  }
} = {
  append: {
    number: whole,
    segments: fc.array(
      record({
        slot,
        slotEpoch: whole,
        previousEpoch: fc.oneof(whole, fc.constant(unknownEpoch)),
        previousSequence: sequence,
        commitSequence: sequence,
        count: whole,
      }),
      { maxLength: 4 },
    ),
    records: bytes,
  },
  appended: {
    number: whole,
    acknowledged: fc.array(record({ slot, slotEpoch: whole, sequence, committedSequence: sequence }), {
      maxLength: 4,
    }),
    refused: fc.array(state, { maxLength: 2 }),
  },
  piece: {
    slot,
    slotEpoch: whole,
    lastEpoch: whole,
    sequence,
    slotClockMs: whole,
    index: whole,
    isLast: fc.boolean(),
    entries: fc.array(record({ alias, content: bytes, expiresAtMs: expiry }), { maxLength: 3 }),
    results: fc.array(record({ client, floor: whole, number: whole, code, content: maybe(bytes) }), {
      maxLength: 3,
    }),
  },
  taken: { slot, slotEpoch: whole, lastEpoch: whole, sequence, index: sequence },
  compare: {
    slots: fc.array(record({ slot, slotEpoch: whole, sequence: whole, count: whole, hash: whole }), {
      maxLength: 4,
    }),
  },
  forward: { id: whole, hops: fc.nat(255), timeLeftMs: fc.nat(300_000), frame: bytes },
  forwarded: { id: whole, boot: whole, code, content: maybe(bytes), expiresAtMs: maybe(expiry) },
}

export const dataKinds = Object.keys(dataBodies) as DataBody["kind"][]

/** A message about entries whose body is of this kind. */
export function dataOf(kind: DataBody["kind"]): fc.Arbitrary<DataMessage> {
  const body = record({ kind: fc.constant(kind), ...dataBodies[kind] } as never) as fc.Arbitrary<DataBody>
  const from = record({ storageId: name, boot: whole })
  return record<DataMessage>({ clusterId: name, from, to: name, epoch: whole, body })
}

export const anyData: fc.Arbitrary<DataMessage> = fc.oneof(...dataKinds.map(dataOf))
