/** A client that was written from `docs/protocol.md` alone talks to the compiled daemon: the page says what is so. */
import { expect, it } from "vitest"
import { startDaemon, temporaryDirectory } from "../support/daemon.ts"
import { MiniClient } from "../support/mini-client.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const nameOf = (failing: Promise<unknown>) =>
  failing.then(
    () => "ok",
    (error: Error) => error.name,
  )

it(
  "the page's client puts, gets, swaps, lists, and goes on after the daemon was killed",
  { timeout: 60_000 },
  async () => {
    const directory = temporaryDirectory()
    const first = await startDaemon({ directory: directory.path })
    const client = new MiniClient({ host: "127.0.0.1", port: first.port })
    try {
      await client.write("put", bytes("entry"), bytes("thisismycontent"), 0)
      expect(await client.read("get", bytes("entry"))).toEqual([bytes("thisismycontent")])
      expect(await nameOf(client.write("put", bytes("entry"), bytes("x"), 0))).toBe("alias_already_exists")
      expect(await client.write("get_update", bytes("entry"), bytes("two"), 0)).toEqual([
        bytes("thisismycontent"),
      ])
      expect(await nameOf(client.write("cas", bytes("entry"), bytes("3"), bytes("one"), 0))).toBe(
        "unmatched_content",
      )
      expect(await client.write("cas", bytes("entry"), bytes("3"), bytes("two"), 0)).toEqual([bytes("two")])
      expect(await client.read("get_expiry", bytes("entry"))).toEqual([0])
      expect(await client.read("prefix_get", bytes("ent"), 0, new Uint8Array(0), 1000)).toEqual([
        [bytes("entry")],
        null,
        null,
      ])
      first.kill("SIGKILL")
      await first.exit()
      const written = client.write("update", bytes("entry"), bytes("after"), 0)
      const second = await startDaemon({ directory: directory.path, port: first.port })
      await written
      expect(await client.read("get", bytes("entry"))).toEqual([bytes("after")])
      await client.write("remove", bytes("entry"))
      expect(await nameOf(client.read("get", bytes("entry")))).toBe("alias_not_found")
      await client.close()
      expect(await second.stop()).toBe(0)
    } finally {
      await client.close()
      if (first.child.exitCode === null && first.child.signalCode === null) first.kill("SIGKILL")
      directory.remove()
    }
  },
)
