/** A data directory as far as membership is concerned. */
import type { DurableRecord } from "../../../src/core/member/event.ts"
import type { AcceptorState } from "../../../src/core/view/ballot.ts"
import type { FoundingRecord } from "../../../src/core/view/founding.ts"
import type { NodeId, StorageId, View } from "../../../src/core/view/view.ts"

export interface MemberContents {
  readonly nodeId: NodeId
  readonly storageId: StorageId
  /** Raised at every start. */
  readonly boot: number
  /** The last process stopped cleanly. */
  readonly clean: boolean
  readonly view: View | undefined
  readonly acceptor: AcceptorState | undefined
  readonly founding: FoundingRecord | undefined
}

/** Storage ids tell machine and generation, for people: `s3b` is the second directory of machine 3. */
export function emptyContents(nodeId: NodeId, machine: number, generation: number): MemberContents {
  return {
    nodeId,
    storageId: `s${machine}${String.fromCharCode(97 + (generation % 26))}${generation >= 26 ? generation : ""}`,
    boot: 0,
    clean: true,
    view: undefined,
    acceptor: undefined,
    founding: undefined,
  }
}

/** @returns the contents after one atomic write */
export function written(contents: MemberContents, records: readonly DurableRecord[]): MemberContents {
  let { view, acceptor, founding } = contents
  for (const record of records) {
    if (record.key === "view") view = record.value
    else if (record.key === "acceptor") acceptor = record.value
    else founding = record.value
  }
  return { ...contents, view, acceptor, founding }
}
