/** `qdbd demo`: a cluster from the executable alone, which is gone when it is interrupted. */
import { spawn } from "node:child_process"
import { mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { connect } from "../../src/client/client.ts"
import { Daemon, freePorts, temporaryDirectory } from "../support/daemon.ts"
import { qdbdPath } from "../support/executables.ts"

describe("qdbd demo", () => {
  it("is a stable cluster, and leaves nothing behind", { timeout: 120_000 }, async () => {
    using directory = { ...temporaryDirectory(), [Symbol.dispose]: () => directory.remove() }
    const temporary = join(directory.path, "tmp")
    mkdirSync(temporary)
    const port = await freePorts(3)
    const child = spawn(qdbdPath, ["demo", "--nodes", "3", "--port", String(port)], {
      cwd: directory.path,
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: temporary },
      stdio: ["ignore", "pipe", "pipe"],
    })
    let told = ""
    const demo = new Daemon(child, port)
    const stable = new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        told += chunk.toString()
        if (told.includes("Ctrl+C")) resolve()
      })
    })
    await Promise.race([stable, demo.exit()])
    const addresses = [port, port + 1, port + 2].map((at) => `127.0.0.1:${at}`)
    expect([told, demo.log]).toEqual([expect.stringContaining(`stable cluster: ${addresses.join(", ")}`), ""])
    expect(readdirSync(temporary)).toHaveLength(1)
    {
      await using one = await connect({ daemons: [addresses[0] as string], learnAddresses: false })
      await using other = await connect({ daemons: [addresses[2] as string], learnAddresses: false })
      await one.put("entry", "here")
      expect(Buffer.from(await other.get("entry")).toString()).toBe("here")
    }
    child.kill("SIGINT")
    expect(await demo.exit()).toEqual({ status: 0, signal: null })
    expect(readdirSync(temporary)).toEqual([])
    for (const address of addresses)
      await expect(connect({ daemons: [address], timeoutMs: 1000 })).rejects.toThrow(/connect/)
  })
})
