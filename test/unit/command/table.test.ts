import { describe, expect, it } from "vitest"
import { commandOf, commands } from "../../../src/command/table.ts"
import { complete } from "../../../src/command/complete.ts"
import { helpList, helpOf } from "../../../src/command/help.ts"
import { parseLine } from "../../../src/command/parse.ts"
import { trailingArgument, usageOf } from "../../../src/command/command.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import { errorTable } from "../../../src/wire/errors.ts"

const errorNames: readonly string[] = errorTable.map((e) => e.name)

describe("the command table", () => {
  it("has quasardb's commands, and no name twice", () => {
    const documented =
      "put update get remove remove_all remove_if cas get_update expires_at expires_from_now get_expiry prefix_get " +
      "node_status node_config node_topology stop_node help version exit get_remove cluster_status cluster_wait " +
      "cluster_plan cluster_set cluster_remove_node cluster_recover"
    expect(commands.map((c) => c.name).sort()).toEqual(documented.split(" ").sort())
    const words = commands.flatMap((c) => [c.name, ...c.otherNames])
    expect(new Set(words).size).toBe(words.length)
  })

  it("has a command for every operation of the wire but ping and that of nodes, and the right class", () => {
    for (const name of Object.keys(operation)) {
      if (name !== "ping" && name !== "slots_list") expect(commandOf(name), name).toBeDefined()
    }
    for (const command of commands.filter((c) => c.class === "shell")) {
      expect(Object.keys(operation)).not.toContain(command.name)
    }
  })

  it("has texts in one form", () => {
    for (const { name, summary, description, since, examples, errors } of commands) {
      expect(summary, name).toMatch(/^[a-z].*[^.]$/)
      expect(description, name).toMatch(/^[A-Z].*\.$/)
      expect(since, name).toMatch(/^\d+\.\d+\.\d+$/)
      expect(examples.length, name).toBeGreaterThan(0)
      for (const error of errors) expect(errorNames, name).toContain(error)
    }
  })

  it("has examples that its parser understands", () => {
    for (const command of commands) {
      for (const example of command.examples) {
        const result = parseLine(example.input, "commands")
        expect(result.ok && result.invocation.command, example.input).toBe(command)
      }
    }
  })

  it("has optional arguments in front of a reason, or last, only", () => {
    for (const command of commands) {
      const optional = command.arguments.findIndex((a) => a.optional)
      if (optional >= 0) expect(command.arguments.length - optional, command.name).toBeLessThanOrEqual(2)
      expect(trailingArgument(command)?.optional ?? false).toBe(false)
    }
  })
})

describe("help", () => {
  it("lists every command on a line that fits a terminal", () => {
    const lines = helpList().split("\n")
    for (const command of commands) {
      expect(
        lines.some((l) => l.startsWith(usageOf({ ...command, options: [] })) && l.endsWith(command.summary)),
      ).toBe(true)
    }
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
  })

  it("tells all about one", () => {
    const text = helpOf(commandOf("cas"))
    for (const part of [
      "cas <alias> <content> <comparand>",
      "unmatched_content: The content does not match.",
      "Example:",
    ]) {
      expect(text).toContain(part)
    }
    const remove = helpOf(commandOf("cluster_remove_node"))
    expect(remove).toContain("cluster_remove_node <node> [--force] [--wait] [--timeout <duration>]\n")
    expect(remove).toContain("  --wait: until the node has left\n")
    expect(helpOf(commandOf("node_status"))).toContain("node_status [<address>]")
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100)
  })
})

describe("completion", () => {
  it("knows commands, and topics of help, and nothing else", () => {
    expect(complete("").candidates.length).toBe(commands.length)
    expect(complete("ge")).toEqual({
      candidates: ["get ", "get_expiry ", "get_remove ", "get_update "],
      word: "ge",
    })
    expect(complete("vers")).toEqual({ candidates: ["version"], word: "vers" })
    expect(complete("help re")).toEqual({ candidates: ["remove", "remove_all", "remove_if"], word: "re" })
    expect(complete("help ").candidates.length).toBe(commands.length)
    expect(complete("help get x").candidates).toEqual([])
    expect(complete("get ").candidates).toEqual([])
    expect(complete("cluster_set re").candidates).toEqual(["replication_factor ", "repair_grace_seconds "])
    expect(complete("cluster_set x ").candidates).toEqual([])
    expect(complete("cluster_wait --s").candidates).toEqual(["--serving", "--stable"])
    expect(complete("cluster_wait --stable --").candidates).toEqual(["--serving", "--timeout "])
    expect(complete("put a --").candidates).toEqual([])
    expect(complete("cluster_w").candidates).toEqual(["cluster_wait "])
    expect(complete("zzz").candidates).toEqual([])
  })
})
