/** Commits on the thread that owns sockets: what a full disk refused is tried again without anybody asking. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { CommitHere } from "../../../src/storage/log/commit-here.ts"
import { type Committed, type Committer, fullRetryMs, idleMs } from "../../../src/storage/log/committer.ts"
import { LogControl } from "../../../src/storage/log/control.ts"

/** A committer that answers as told, and then that there is nothing. */
function commitHere(...answers: (Committed | Error)[]) {
  const seen: string[] = []
  const control = new LogControl()
  const committer = {
    commitNext(): Committed {
      const answer = answers.shift() ?? "nothing"
      if (answer instanceof Error) throw answer
      seen.push(answer)
      return answer
    },
    idle: () => void seen.push("idle"),
    close: () => void seen.push("close"),
    release: () => void seen.push("release"),
  }
  const here = new CommitHere(committer as unknown as Committer, control, {
    onProgress: () => void seen.push("told"),
    onFileWanted: (number) => void seen.push(`file ${number}`),
    onError: ({ message }) => void seen.push(message),
  })
  return { here, control, seen }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe("commits on the thread that owns sockets", () => {
  it("take all that is published, and are told once", () => {
    const { here, seen } = commitHere("durable", "durable")
    here.commit()
    expect(seen).toEqual(["durable", "durable", "nothing", "told"])
    here.close()
  })

  it("that find no room are tried again by themselves, and by nobody twice", () => {
    const { here, seen } = commitHere("full", "full", "full", "durable")
    here.commit()
    here.commit()
    expect(seen).toEqual(["full", "told", "full", "told"])
    vi.advanceTimersByTime(fullRetryMs)
    expect(seen.slice(4)).toEqual(["full", "told"])
    vi.advanceTimersByTime(fullRetryMs)
    expect(seen.slice(6)).toEqual(["durable", "nothing", "told"])
    here.close()
  })

  it("leave housekeeping to a second in which nothing came", () => {
    const { here, control, seen } = commitHere("durable")
    here.commit()
    vi.advanceTimersByTime(idleMs)
    expect(seen).not.toContain("idle")
    control.wantFile(3)
    vi.advanceTimersByTime(idleMs)
    expect(seen.slice(-3)).toEqual(["idle", "file 3", "told"])
    here.close()
  })

  it("end with the first error of the disk, and touch nothing any more", () => {
    const { here, seen } = commitHere(new Error("EIO: i/o error, write"))
    here.commit()
    here.commit()
    vi.advanceTimersByTime(2 * idleMs)
    here.close()
    here.kill()
    expect(seen).toEqual(["EIO: i/o error, write", "told"])
  })
})
