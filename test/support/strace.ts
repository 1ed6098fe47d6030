/**
 * System calls of a process and its threads, in the order in which the kernel saw them begin and end, from `strace -f -xx`.
 * A call that others interrupt is printed in two lines; it is one call here.
 */
export interface SystemCall {
  readonly name: string
  /** Everything between the parentheses, as printed. */
  readonly args: string
  readonly result: number
  /** Line numbers: what began or ended earlier has the smaller one. */
  readonly begun: number
  readonly ended: number
}

const whole = /^(\d+) +(\w+)\((.*)\) += (-?\d+)/
const unfinished = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/

export function parseStrace(text: string): SystemCall[] {
  const calls: SystemCall[] = []
  const open = new Map<string, { args: string; begun: number }>()
  text.split("\n").forEach((line, at) => {
    const complete = whole.exec(line)
    if (complete !== null) {
      const [, , name = "", args = "", result] = complete
      calls.push({ name, args, result: Number(result), begun: at, ended: at })
      return
    }
    const first = unfinished.exec(line)
    if (first !== null) {
      open.set(`${first[1]} ${first[2]}`, { args: first[3] ?? "", begun: at })
      return
    }
    const second = resumed.exec(line)
    if (second === null) return
    const key = `${second[1]} ${second[2]}`
    const begin = open.get(key)
    if (begin === undefined) return
    open.delete(key)
    const args = begin.args + (second[3] ?? "")
    calls.push({ name: second[2] ?? "", args, result: Number(second[4]), begun: begin.begun, ended: at })
  })
  return calls
}

/** @returns the bytes of the first string argument, printed with -xx, cut to `length` */
export function bytesOf(call: SystemCall, length: number): Uint8Array {
  const printed = /"((?:\\x[0-9a-f]{2})*)"/.exec(call.args)?.[1] ?? ""
  return Uint8Array.from(Buffer.from(printed.replaceAll("\\x", ""), "hex")).subarray(0, Math.max(0, length))
}

/** @returns the file descriptor, the first argument */
export function descriptorOf(call: SystemCall): string {
  return /^\d+/.exec(call.args)?.[0] ?? ""
}
