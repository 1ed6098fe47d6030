/**
 * What the operator of a simulated cluster orders, as a client of any voter and with the patience of a person: another factor,
 * that a member leave for good, and, where all copies of something are gone, that the loss be accepted by name.
 */
import type { QdbError } from "../../../src/client/error.ts"
import { Pending } from "../../../src/client/pending.ts"
import { documentOf } from "../../../src/client/results.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import type { StorageId } from "../../../src/core/view/view.ts"
import type { ClusterRecovery } from "../../../src/wire/status.ts"
import { bytesOf } from "../data/message.ts"
import type { Ledger } from "../member/ledger.ts"
import type { Checks, Coverage } from "../violation.ts"
import type { World } from "../world.ts"
import type { ClusterContents } from "./contents.ts"
import type { Crowd } from "./crowd.ts"

const orderMs = 10_000
const againMs = 3_000
const triesMax = 12

export class Operator {
  private readonly world: World<ClusterContents>
  private readonly crowd: Crowd
  private readonly ledger: Ledger
  private readonly checks: Checks
  private readonly coverage: Coverage

  constructor(
    world: World<ClusterContents>,
    crowd: Crowd,
    ledger: Ledger,
    checks: Checks,
    coverage: Coverage,
  ) {
    this.world = world
    this.crowd = crowd
    this.ledger = ledger
    this.checks = checks
    this.coverage = coverage
  }

  setFactor(factor: number): void {
    this.order(
      () => [operation.cluster_set, "replication_factor", String(factor), 0],
      () => this.coverage.count("factor changed"),
    )
  }

  /** @param address of a member, which is forced out even if the factor falls */
  remove(address: string): void {
    this.order(
      () => [operation.cluster_remove_node, address, "", 1],
      () => this.coverage.count("member removed by an order"),
    )
  }

  /** What only these members held, which are down and do not come back, is given up. */
  recover(storageIds: readonly StorageId[], addresses: readonly string[]): void {
    for (const storageId of storageIds) this.ledger.givenUp.add(storageId)
    this.crowd.lossOrdered()
    this.order(
      () => [operation.cluster_recover, addresses.join(","), "", 0],
      (recovery) => {
        const { nodes = [], slots = 0, epoch = 0 } = recovery ?? {}
        const told = this.ledger.newest()?.losses.filter((loss) => loss.epoch <= epoch) ?? []
        const given = told.reduce((count, loss) => count + loss.slots.length, 0)
        this.checks.that("I15", nodes.every((node) => addresses.includes(node)) && slots <= given, () => {
          return `the loss of ${addresses.join()} was ordered, ${JSON.stringify(recovery)} answered`
        })
        this.coverage.count(slots > 0 ? "loss accepted" : "nothing was lost")
      },
    )
  }

  private order(
    what: () => readonly [opcode: number, subject: string, value: string, quantity: number],
    done: (recovery: ClusterRecovery | undefined) => void,
    tries = 0,
  ): void {
    const [opcode, subject, value, quantity] = what()
    const again = (error: QdbError) => {
      this.world.trace.step(this.world.nowMs, -1, "order failed", () => `${subject}: ${error.message}`)
      if (tries + 1 >= triesMax) return this.coverage.count(`order given up: ${error.name}`)
      this.world.at(this.world.nowMs + againMs, () => this.order(what, done, tries + 1))
    }
    const request: Pending = new Pending(
      opcode,
      orderMs,
      (reply) =>
        done(opcode === operation.cluster_recover ? (documentOf(reply) as ClusterRecovery) : undefined),
      again,
      bytesOf(subject),
      bytesOf(value),
    )
    request.quantity = quantity
    if (this.crowd.operator?.order(request) !== true)
      this.world.at(this.world.nowMs + againMs, () => this.order(what, done, tries + 1))
  }
}
