/**
 * The answers in the page's address, behind `#`, which no browser sends to a server: so they can be bookmarked and shared,
 * and the page needs no storage. Only what differs from the defaults is written. What an address holds is checked like
 * anything that is typed.
 */
import { defaultAnswers } from "../../config/answers.ts"
import type { Answers } from "../../config/answers.ts"
import { generatorHostsMax } from "../../core/lib/limits.ts"

const texts = ["ram", "disk", "cores", "replication", "logLevel", "sessions"] as const

const strangersShown = 5

/** @param hash with or without its `#` */
export function answersFromHash(hash: string): Answers {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""))
  const hosts = parameters.getAll("host").slice(0, generatorHostsMax + 1)
  const answers: { -readonly [F in keyof Answers]: Answers[F] } = {
    ...defaultAnswers,
    hosts: hosts.length === 0 ? defaultAnswers.hosts : hosts,
    places: parameters.getAll("place").slice(0, generatorHostsMax + 1),
    sync: parameters.get("sync") !== "false",
    // What is neither is refused when the answers are read, as on the command line.
    persistence: (parameters.get("persistence") ?? defaultAnswers.persistence) as Answers["persistence"],
  }
  for (const field of texts) answers[field] = parameters.get(field) ?? defaultAnswers[field]
  return answers
}

/** @returns the names in an address that are none of the answers: a slip of whoever wrote it */
export function strangersInHash(hash: string): readonly string[] {
  const known: readonly string[] = [...texts, "sync", "persistence", "host", "place"]
  const names = new Set(new URLSearchParams(hash.replace(/^#/, "")).keys())
  return [...names].filter((name) => !known.includes(name)).slice(0, strangersShown)
}

/** @returns the hash with its `#`; `#` alone for the defaults */
export function hashFromAnswers(answers: Answers): string {
  const parameters = new URLSearchParams()
  for (const field of texts)
    if (answers[field] !== defaultAnswers[field]) parameters.set(field, answers[field])
  if (!answers.sync) parameters.set("sync", "false")
  if (answers.persistence !== defaultAnswers.persistence) parameters.set("persistence", answers.persistence)
  const { hosts, places } = answers
  if (hosts.length > 1 || hosts[0] !== "") for (const host of hosts) parameters.append("host", host)
  if (places.some((place) => place !== "")) for (const place of places) parameters.append("place", place)
  return `#${parameters}`
}
