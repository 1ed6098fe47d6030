/** Reads the recorded histories of `test/fixtures/linearizability/` (its README describes them). */
import { never } from "./history.ts"
import type { Operation } from "./history.ts"
import type { AppendInput, AppendOutput } from "./models/append.ts"
import type { RegisterInput, RegisterOutput } from "./models/register.ts"

interface Open<Input, Output> {
  process: number
  key: string
  input: Input
  output: Output | undefined
  calledAt: number
  returnedAt: number
  calledMs: number
  returnedMs: number
}

const opened = <Input, Output>(
  process: number,
  key: string,
  input: Input,
  calledAt: number,
): Open<Input, Output> => ({
  process,
  key,
  input,
  output: undefined,
  calledAt,
  returnedAt: never,
  calledMs: 0,
  returnedMs: never,
})

/** Jepsen's log of a register: a time-out leaves an operation open; a `:fail` of a compare-and-set says "no match". */
export function parseRegisterLog(text: string): Operation<RegisterInput, RegisterOutput>[] {
  const operations: Open<RegisterInput, RegisterOutput>[] = []
  const running = new Map<number, Open<RegisterInput, RegisterOutput>>()
  let place = 0
  for (const line of text.split("\n")) {
    const parts =
      /^INFO\s+jepsen\.util - (\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(.*\S)\s*$/.exec(line)
    if (parts === null) {
      if (line.trim() !== "") throw new Error(`not a line of a register log: ${line}`)
      continue
    }
    const [, processText, type, op, value] = parts as unknown as [string, string, string, string, string]
    const process = Number(processText)
    if (type === "invoke") {
      const operation = opened<RegisterInput, RegisterOutput>(process, "", registerInput(op, value), place++)
      operations.push(operation)
      running.set(process, operation)
      continue
    }
    const operation = running.get(process)
    if (operation === undefined || operation.input.op !== op) throw new Error(`nothing called: ${line}`)
    running.delete(process)
    if (value === ":timed-out") continue
    operation.returnedAt = place++
    operation.output =
      op === "write"
        ? "written"
        : op === "cas"
          ? { swapped: type === "ok" }
          : { value: value === "nil" ? null : value }
  }
  return operations
}

function registerInput(op: string, value: string): RegisterInput {
  if (op === "read") return { op }
  if (op === "write") return { op, value }
  const pair = /^\[(\d+) (\d+)\]$/.exec(value)
  if (pair === null) throw new Error(`not a pair: ${value}`)
  return { op: "cas", from: pair[1] as string, to: pair[2] as string }
}

/** The EDN-like log of strings that grow. */
export function parseAppendLog(text: string): Operation<AppendInput, AppendOutput>[] {
  const operations: Open<AppendInput, AppendOutput>[] = []
  const running = new Map<number, Open<AppendInput, AppendOutput>>()
  let place = 0
  for (const line of text.split("\n")) {
    const parts =
      /^\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "(.*)", :value (?:nil|"(.*)")\}$/.exec(
        line,
      )
    if (parts === null) {
      if (line.trim() !== "") throw new Error(`not a line of an append log: ${line}`)
      continue
    }
    const [, processText, type, op, key, value = ""] = parts as unknown as [
      string,
      string,
      string,
      string,
      string,
      string?,
    ]
    const process = Number(processText)
    if (type === "invoke") {
      const input: AppendInput = op === "get" ? { op } : { op: op as "put" | "append", value }
      const operation = opened<AppendInput, AppendOutput>(process, key, input, place++)
      operations.push(operation)
      running.set(process, operation)
      continue
    }
    const operation = running.get(process)
    if (operation === undefined || operation.input.op !== op) throw new Error(`nothing called: ${line}`)
    running.delete(process)
    operation.returnedAt = place++
    operation.output = value
  }
  return operations
}
