/**
 * A machine of the simulated world and the process that may run on it: what goes into a process (`Input`), what it does
 * (`Output`), who makes it, and who watches.
 */
import type { Now } from "../../src/core/lib/clock.ts"
import type { Prng } from "../../src/core/lib/prng.ts"
import type { MachineClock } from "./clock.ts"
import type { Disk, Write } from "./disk.ts"
import type { StreamEvent, StreamHandle } from "./streams.ts"

export type Input =
  | { readonly kind: "start" }
  | { readonly kind: "tick" }
  | { readonly kind: "message"; readonly message: unknown; readonly label: string }
  | { readonly kind: "persisted"; readonly token: number }
  /** From an operator or a client on the spot. */
  | { readonly kind: "command"; readonly command: string }
  /** Of a connection. */
  | { readonly kind: "stream"; readonly end: StreamHandle; readonly event: StreamEvent }

/** What a process may do; carried out after its step. */
export interface Host<Contents> {
  /** @param message must not be changed any more @param label its kind, for traces and faults */
  send(address: string, message: unknown, label: string): void
  /** `persisted` with the same token follows. */
  persist(token: number, write: Write<Contents>): void
  /**
   * Ends the process.
   * @param restartInMs when its service manager starts it again; undefined = not
   * @param replace what is done to its directory in between
   */
  exit(reason: string, restartInMs: number | undefined, replace?: Write<Contents>): void
  /** Begins to connect. @returns this side's end of the connection; events of it follow */
  dial(address: string): StreamHandle
  /**
   * @param bytes are copied @param label what they are, for faults
   * @returns how many of them were taken; where that is not all, `drained` follows
   */
  write(end: StreamHandle, bytes: Uint8Array, label: string): number
  /** Nothing that arrives on the connection comes here, until it is released. */
  hold(end: StreamHandle): void
  release(end: StreamHandle): void
  /** No event comes afterwards. */
  close(end: StreamHandle): void
  /** For people. */
  note(text: string): void
}

export interface Logic {
  handle(input: Input, now: Now): void
}

export interface Observer<Contents> {
  /** A message is about to leave. */
  sending(machine: Machine<Contents>, message: unknown): void
  /** The durable contents changed. */
  durable(machine: Machine<Contents>): void
  /** A step and its outputs are done. */
  stepped(machine: Machine<Contents>, realMs: number): void
  /** The process is about to die. */
  dying(machine: Machine<Contents>): void
  /** The process goes on after a pause. */
  resumed(machine: Machine<Contents>): void
}

export type Factory<Contents> = (machine: Machine<Contents>, host: Host<Contents>, prng: Prng) => Logic

/** Kills the process at the next moment of the kind. */
export type Trap = {
  readonly power: boolean
  readonly downMs: number
  /** The directory is gone, too. */
  readonly wipe: boolean
  /** Not killed, but cut off for so long, once the step's messages are out; 0 = killed. */
  readonly isolateMs: number
  /** It hears nothing, and is still heard. */
  readonly speaks?: boolean
} & (
  | { readonly at: "send"; readonly label: string }
  | { readonly at: "persist"; readonly when: "before" | "written" | "durable" | "failed" }
)

export type Output<Contents> =
  | { readonly kind: "send"; readonly address: string; readonly message: unknown; readonly label: string }
  | { readonly kind: "persist"; readonly token: number; readonly write: Write<Contents> }
  | { readonly kind: "dial"; readonly end: StreamHandle }
  | { readonly kind: "close"; readonly end: StreamHandle }
  | {
      readonly kind: "write"
      readonly end: StreamHandle
      readonly bytes: Uint8Array
      readonly label: string
    }
  | {
      readonly kind: "exit"
      readonly reason: string
      readonly restartInMs: number | undefined
      readonly replace: Write<Contents> | undefined
    }

export class Machine<Contents> {
  readonly index: number
  address: string
  readonly clock: MachineClock
  readonly disk: Disk<Contents>
  readonly prng: Prng
  logic: Logic | undefined
  /** Counts the processes that ran here; what was meant for an earlier one is dropped. */
  incarnation = 0
  paused = false
  /** Without power: not even its kernel answers. */
  isDark = false
  /** When the next step is done, the process is paused before its outputs are carried out. */
  pauseMidStep = false
  /** Comes back by itself after a kill. */
  restarts = true
  trap: Trap | undefined
  /** Kinds of messages that never reach it. */
  misses: readonly string[] = []
  /** Waits for the process to go on. */
  readonly inbox: Input[] = []
  held: Output<Contents>[] | undefined

  constructor(index: number, address: string, clock: MachineClock, disk: Disk<Contents>, prng: Prng) {
    this.index = index
    this.address = address
    this.clock = clock
    this.disk = disk
    this.prng = prng
  }

  get running(): boolean {
    return this.logic !== undefined
  }
}
