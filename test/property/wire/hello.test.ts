/** The first frame of a stranger. */
import { decode } from "@msgpack/msgpack"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { decodeFirstFrame, negotiateVersion, writeHello } from "../../../src/wire/hello.ts"
import { topologyOf } from "../../../src/wire/topology.ts"
import { type ValueMap, Writer } from "../../../src/wire/writer.ts"
import { guarded, hostile, margin, parameters, surrounded } from "./hostile.ts"
import { document, encoded, hello, reply, unsigned, value } from "./messages.ts"

const inputs = hostile(encoded(fc.oneof({ weight: 2, arbitrary: hello }, reply)))

describe("hello", () => {
  it("any bytes give a hello, a refusal or a reason, by nothing but themselves", () => {
    const kinds = new Map<string, number>()
    fc.assert(
      fc.property(inputs, (input) => {
        const end = margin + input.length
        const first = decodeFirstFrame(guarded(surrounded(input, 0xff), margin, end), margin, end)
        expect(decodeFirstFrame(surrounded(input, 0x01), margin, end)).toEqual(first)
        kinds.set(first.kind, (kinds.get(first.kind) ?? 0) + 1)
        if (first.kind !== "hello") return
        const fields = decode(input) as unknown[]
        const { versionMin, versionMax, role, softwareVersion, clusterId, node, auth, clockMs } = first.hello
        const identity = node === null ? null : [node.nodeId, node.storageId, node.boot]
        expect(fields.slice(0, 8)).toEqual([
          "qdb",
          [versionMin, versionMax],
          role,
          softwareVersion,
          clusterId,
          identity,
          auth,
          clockMs,
        ])
      }),
      parameters,
    )
    for (const kind of ["hello", "refusal", "malformed"]) expect(kinds.get(kind) ?? 0).toBeGreaterThan(100)
  })

  it("is read back as it was written", () => {
    fc.assert(
      fc.property(encoded(hello), (input) => {
        const first = decodeFirstFrame(input, 0, input.length)
        expect(first.kind).toBe("hello")
        if (first.kind !== "hello") return
        const writer = new Writer()
        writeHello(writer, first.hello)
        const reader = new FrameReader()
        reader.push(writer.bytes, 0, writer.position)
        expect(reader.next()).toBe(frameState.whole)
        expect(decodeFirstFrame(reader.bytes, reader.start, reader.end)).toEqual(first)
      }),
      parameters,
    )
  })

  it("both sides agree on a version that both speak, the newest", () => {
    const range = fc
      .tuple(unsigned(9), unsigned(9))
      .map(([a, b]) => [1 + Math.min(a, b), 1 + Math.max(a, b)] as const)
    fc.assert(
      fc.property(range, range, ([min, max], [ownMin, ownMax]) => {
        const version = negotiateVersion(min, max, ownMin, ownMax)
        expect(negotiateVersion(ownMin, ownMax, min, max)).toBe(version)
        const common = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1].find(
          (v) => v >= min && v <= max && v >= ownMin && v <= ownMax,
        )
        expect(version).toBe(common ?? 0)
      }),
      parameters,
    )
  })
})

describe("topology", () => {
  const reference = fc.record({
    reference: fc.constantFrom("a", "b"),
    endpoint: fc.constantFrom(...Array.from({ length: 20 }, () => "h:1"), ""),
  })
  const mostly = <A>(good: fc.Arbitrary<A>, bad: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 20, arbitrary: good as fc.Arbitrary<unknown> }, bad)
  const candidate = fc.record(
    {
      predecessor: mostly(reference, value),
      center: mostly(reference, value),
      successor: mostly(reference, value),
      cluster_id: mostly(fc.constant("c"), value),
      epoch: mostly(fc.constantFrom(0, 5), fc.constantFrom(-1, 1.5, "1")),
      members: mostly(fc.array(mostly(reference, value), { minLength: 1, maxLength: 3 }), value),
      primaries: mostly(fc.array(fc.integer({ min: -1, max: 3 }), { maxLength: 4 }), value),
    },
    { noNullPrototype: true },
  ) as fc.Arbitrary<ValueMap>

  it("is either refused or routes every slot to a member with an address", () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: candidate }, document), (given) => {
        const topology = topologyOf(given)
        if (topology === undefined) return
        accepted++
        for (const index of topology.primaries) expect(topology.members[index]?.endpoint).toBe("h:1")
        expect(Math.log2(topology.primaries.length) % 1).toBe(0)
      }),
      parameters,
    )
    expect(accepted).toBeGreaterThan(100)
  })
})
