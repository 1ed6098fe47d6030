/**
 * The state of one node's membership: plain data and maps, so that it can be copied and compared.
 */
import type { FoundingRecord } from "../view/founding.ts"
import type { Address, StorageId, View } from "../view/view.ts"
import type { CoordinatorState } from "./coordinator.ts"
import type { Want } from "./event.ts"
import type { FinderState } from "./finder.ts"
import type { JoiningState } from "./joining.ts"
import type { PollState } from "./poll.ts"
import type { RollState } from "./roll.ts"
import type { SeatState } from "./seat.ts"

/**
 * `founding`: no view, nobody to join known. `joining`: knows a cluster and is not in it. `rejoining`: restarted, has
 * not yet heard from a majority. `active`. `stopped`: takes no more part.
 */
export type Phase = "founding" | "joining" | "rejoining" | "active" | "stopped"

export interface MemberState {
  phase: Phase
  /** Sorted, the own address included; those that called are added. */
  peers: Address[]
  unclean: boolean
  /** Without peers: listens until then before it founds alone. */
  listenUntilMs: number
  /** View 0, where recorded; `recordingToken` while on its way to the disk. */
  founding: FoundingRecord | undefined
  recordingToken: number | undefined
  foundAtMs: number | undefined
  /** The first view of a cluster that takes this node in, on its way to the disk. */
  entering: { token: number; view: View } | undefined
  nextToken: number
  seat: SeatState | undefined
  finder: FinderState
  joining: JoiningState
  /** After a restart: who has told of the newest view he knows. */
  answered: Set<StorageId>
  roll: RollState
  poll: PollState
  coordinator: CoordinatorState
  /** What the data path wants. */
  wants: readonly Want[]
  /** Slots that this node hands over by itself. */
  handOvers: readonly Want[]
  /** While there are learners, primaries are not handed over before. */
  handOverAtMs: number
  stopping: "stop" | "leave" | undefined
  stopAtMs: number
  heartbeatAtMs: number
  callAtMs: number
  /** As the data path was last told. */
  leaseUntilMs: number
  lagMs: number
  /** What was last said to people about waiting. */
  said: string
  /** Peers whose refusal was logged. */
  refused: Set<string>
}
