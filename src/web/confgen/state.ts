/**
 * The answers in the page's address, behind `#`, which no browser sends to a server: so they can be bookmarked and shared,
 * and the page needs no storage. Only what differs from the defaults is written. What an address holds is checked like
 * anything that is typed.
 */
import { defaultAnswers } from "../../config/answers.ts"
import type { Answers } from "../../config/answers.ts"
import { generatorHostsMax } from "../../core/lib/limits.ts"

const texts = ["ram", "disk", "cores", "replication", "logLevel", "sessions"] as const

/** @param hash with or without its `#` */
export function answersFromHash(hash: string): Answers {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""))
  const hosts = parameters.getAll("host").slice(0, generatorHostsMax + 1)
  const answers: { -readonly [F in keyof Answers]: Answers[F] } = {
    ...defaultAnswers,
    hosts: hosts.length === 0 ? defaultAnswers.hosts : hosts,
    places: parameters.getAll("place").slice(0, hosts.length),
    sync: parameters.get("sync") !== "false",
    persistence: parameters.get("persistence") === "transient" ? "transient" : "disk",
  }
  for (const field of texts) answers[field] = parameters.get(field) ?? defaultAnswers[field]
  return answers
}

/** @returns the hash with its `#`; `#` alone for the defaults */
export function hashFromAnswers(answers: Answers): string {
  const parameters = new URLSearchParams()
  for (const field of texts)
    if (answers[field] !== defaultAnswers[field]) parameters.set(field, answers[field])
  if (!answers.sync) parameters.set("sync", "false")
  if (answers.persistence === "transient") parameters.set("persistence", "transient")
  const { hosts, places } = answers
  if (hosts.length > 1 || hosts[0] !== "") for (const host of hosts) parameters.append("host", host)
  if (places.some((place) => place !== ""))
    for (const index of hosts.keys()) parameters.append("place", places[index] ?? "")
  return `#${parameters}`
}
