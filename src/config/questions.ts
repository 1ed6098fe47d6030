/** The questions of the page, asked one after the other on a terminal; a wrong answer is asked again with its reason. */
import { defaultAnswers, fieldLabels, readAnswers } from "./answers.ts"
import type { Answers, Field } from "./answers.ts"

type Ask = (prompt: string) => Promise<string | undefined>

/** @returns the answers, or undefined if the input ended */
export async function askAnswers(ask: Ask, tell: (text: string) => void): Promise<Answers | undefined> {
  const talk = new Talk(ask, tell)
  tell(
    "The configuration files of a cluster. An empty answer takes what stands in brackets.\n\nAbout the Hardware (of the weakest node)\n",
  )
  const ready =
    (await talk.text("ram", "automatic", "ram")) &&
    (await talk.text("disk", "no quota", "disk")) &&
    (await talk.text("cores", "automatic", "cores")) &&
    (tell("\nAbout the Machines\n"), true) &&
    (await talk.hosts()) &&
    (await talk.text("replication", defaultAnswers.replication, "replication")) &&
    (await talk.yes("sync")) &&
    (await talk.persistence()) &&
    (await talk.text("logLevel", defaultAnswers.logLevel, "logLevel")) &&
    (await talk.text("sessions", defaultAnswers.sessions, "sessions"))
  return ready ? talk.answers : undefined
}

class Talk {
  answers: Answers = { ...defaultAnswers, hosts: [] }
  private readonly ask: Ask
  private readonly tell: (text: string) => void

  constructor(ask: Ask, tell: (text: string) => void) {
    this.ask = ask
    this.tell = tell
  }

  /** @returns false at the end of input */
  async text(
    field: "ram" | "disk" | "cores" | "replication" | "logLevel" | "sessions",
    shown: string,
    label: Field,
  ): Promise<boolean> {
    for (;;) {
      const line = await this.ask(`${fieldLabels[label]} [${shown}]: `)
      if (line === undefined) return false
      const next = { ...this.answers, [field]: line.trim() === "" ? defaultAnswers[field] : line }
      if (this.accept(next, field)) return true
    }
  }

  async hosts(): Promise<boolean> {
    for (;;) {
      const n = this.answers.hosts.length
      const line = await this.ask(`${fieldLabels.hosts} of node ${n + 1}${n === 0 ? "" : " [no more]"}: `)
      if (line === undefined) return false
      if (line.trim() === "" && n > 0) return true
      this.accept({ ...this.answers, hosts: [...this.answers.hosts, line] }, "hosts")
    }
  }

  async yes(field: "sync"): Promise<boolean> {
    for (;;) {
      const line = await this.ask(`${fieldLabels[field]} (yes, no) [yes]: `)
      if (line === undefined) return false
      const word = line.trim().toLowerCase()
      if (!["", "y", "yes", "n", "no"].includes(word)) {
        this.tell("  answer yes or no\n")
        continue
      }
      this.answers = { ...this.answers, [field]: !word.startsWith("n") }
      return true
    }
  }

  async persistence(): Promise<boolean> {
    for (;;) {
      const line = await this.ask(`${fieldLabels.persistence} (disk, transient) [disk]: `)
      if (line === undefined) return false
      const next = {
        ...this.answers,
        persistence: (line.trim().toLowerCase() || "disk") as Answers["persistence"],
      }
      if (this.accept(next, "persistence")) return true
    }
  }

  /** Takes the answers if nothing is wrong with that field; a fault of another comes to light when that is asked. */
  private accept(next: Answers, field: Field): boolean {
    const faults = readAnswers(next).faults.filter((fault) => fault.field === field)
    for (const fault of faults) this.tell(`  ${fault.text}\n`)
    if (faults.length > 0) return false
    this.answers = next
    return true
  }
}
