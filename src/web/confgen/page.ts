/// <reference lib="dom" />
/**
 * The configuration generator as a page. It decides nothing by itself: answers go through `readAnswers` and `download` of
 * `src/config`, as on the command line, so that the bytes are the same. It talks to nobody: no request leaves it.
 */
import { h } from "preact"
import type { ComponentChildren } from "preact"
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks"
import { readAnswers } from "../../config/answers.ts"
import type { Answers, Remark } from "../../config/answers.ts"
import { download, savedFiles } from "../../config/archive.ts"
import type { Download } from "../../config/archive.ts"
import { communityLicense } from "../../config/community-license.ts"
import { explain } from "../../config/explain.ts"
import { settledAnswers } from "../../config/generate.ts"
import { logLevels } from "../../config/schema.ts"
import { controlId, labelOf } from "./field.ts"
import { CheckField, SelectField, TextField } from "./fields.ts"
import { HostFields } from "./hosts.ts"
import { Preview } from "./preview.ts"
import { answersFromHash, hashFromAnswers, strangersInHash } from "./state.ts"

export function Page({ save }: { readonly save: (file: Download) => void }): ComponentChildren {
  const [answers, setAnswers] = useState(() => answersFromHash(window.location.hash))
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set())
  const [tried, setTried] = useState(false)
  const [said, setSaid] = useState("")
  const summary = useRef<HTMLDivElement>(null)
  const [strangers, setStrangers] = useState(() => strangersInHash(window.location.hash))
  const { plan, parts, faults, notices } = useMemo(() => readAnswers(answers), [answers])
  const files = useMemo(
    () => (plan === undefined ? [] : savedFiles(answers, plan, communityLicense)),
    [answers, plan],
  )

  // At once, and not after the next paint: an address that comes from outside in between would be written over.
  useLayoutEffect(() => {
    const hash = hashFromAnswers(answers)
    if (window.location.hash !== hash && (window.location.hash !== "" || hash !== "#"))
      window.history.replaceState(null, "", hash)
  }, [answers])
  useEffect(() => {
    const changed = () => {
      setAnswers(answersFromHash(window.location.hash))
      setStrangers(strangersInHash(window.location.hash))
    }
    window.addEventListener("hashchange", changed)
    return () => window.removeEventListener("hashchange", changed)
  }, [])

  const change = (changes: Partial<Answers>) => {
    setSaid("")
    setAnswers((before) => ({ ...before, ...changes }))
  }
  const touch = (id: string) => setTouched((before) => new Set([...before, id]))
  const added = { ...answers, hosts: [...answers.hosts, ""] }
  const add = (event: Event) => {
    event.preventDefault()
    change({ hosts: added.hosts })
    focusSoon(controlId({ field: "hosts", index: answers.hosts.length }))
  }
  const remove = (index: number) => {
    const without = <T>(items: readonly T[]) => items.filter((_, i) => i !== index)
    change({ hosts: without(answers.hosts), places: without(answers.places) })
    setTouched(new Set([...touched].filter((id) => !id.startsWith("hosts-"))))
    focusSoon(controlId({ field: "hosts", index: Math.max(0, index - 1) }))
  }
  const generate = (event: Event) => {
    event.preventDefault()
    setTried(true)
    if (plan === undefined) {
      setSaid("")
      return void setTimeout(() => summary.current?.focus())
    }
    const file = download(answers, plan, communityLicense)
    save(file)
    // From now on the places belong to these nodes: who is added later moves nobody.
    if (plan.hosts.length > 1) setAnswers(settledAnswers(answers, plan))
    const next =
      plan.hosts.length > 1
        ? `${files.length} files; README.txt says how to go on`
        : `put it beside qdbd and qdb_license.txt, and start the node with: qdbd -c ${file.name}`
    setSaid(`${file.name} is saved: ${next}.`)
  }
  const shown = (fault: Remark) =>
    tried || (fault.text !== "is empty" && touched.has(controlId(fault))) || alwaysShown.has(fault.field)
  const explanations = useMemo(() => explain(parts), [parts])
  const props = { answers, change, touch, notices, explanations, faults: faults.filter(shown) }

  return h("main", null, [
    h("header", null, [
      h("h1", null, "Configuration generator"),
      h(
        "p",
        null,
        "Makes the configuration files of a whole qdb cluster. Nothing you enter leaves this page; its address keeps the answers.",
      ),
    ]),
    strangers.length > 0 &&
      h("p", { class: "strangers", role: "alert" }, [
        `The address of this page names ${strangers.map((name) => JSON.stringify(name)).join(", ")}, `,
        "which is none of the answers. It is left out; are the answers below what was meant?",
      ]),
    tried && faults.length > 0 && h(Summary, { faults, forward: summary }),
    h("form", { onSubmit: generate, noValidate: true }, [
      h("fieldset", null, [
        h("legend", null, "About the Hardware"),
        h("p", null, "What each node may use. Where machines differ, enter the weakest one's."),
        h(TextField, {
          ...props,
          field: "ram",
          hint: "Like 16 GiB; empty: automatic.",
          placeholder: "automatic",
        }),
        h(TextField, {
          ...props,
          field: "disk",
          hint: "Like 1 TB; empty: no quota.",
          placeholder: "no quota",
        }),
        h(TextField, {
          ...props,
          field: "cores",
          hint: "Empty: automatic.",
          placeholder: "automatic",
          numeric: true,
        }),
      ]),
      h("fieldset", null, [
        h("legend", null, "About the Machines"),
        h("p", null, "A host for each node. What follows holds for all of them."),
        h(HostFields, { ...props, read: parts.hosts, add, addHref: hashFromAnswers(added), remove }),
        h(TextField, {
          ...props,
          field: "replication",
          hint: "Copies of each entry: 1 to 4.",
          numeric: true,
        }),
        h(CheckField, { ...props, field: "sync" }),
        h(SelectField, {
          ...props,
          field: "persistence",
          options: [
            ["disk", "On disk"],
            ["transient", "In memory only (transient)"],
          ],
        }),
        h(SelectField, {
          ...props,
          field: "logLevel",
          options: logLevels.map((level) => [level, level] as const),
        }),
        h(TextField, { ...props, field: "sessions", hint: "Per node, 50 at least.", numeric: true }),
      ]),
      h("div", { class: "go" }, [
        h("button", { type: "submit" }, "Generate Configuration File"),
        h("p", { role: "status", class: "said" }, said),
      ]),
    ]),
    h(Preview, { plan, files }),
  ])
}

/** The number of nodes changes what these mean without anybody touching them. */
const alwaysShown: ReadonlySet<string> = new Set(["replication", "logLevel", "persistence", "places"])

function focusSoon(id: string): void {
  setTimeout(() => document.getElementById(id)?.focus())
}

function Summary({
  faults,
  forward,
}: {
  readonly faults: readonly Remark[]
  readonly forward: { current: HTMLDivElement | null }
}): ComponentChildren {
  const items = faults.map((fault) => {
    const id = controlId(fault)
    const text = `${labelOf(fault)} ${fault.text}.`
    const go = (event: Event) => {
      event.preventDefault()
      document.getElementById(id)?.focus()
    }
    return h("li", { key: text }, h("a", { href: `#${id}`, onClick: go }, text))
  })
  return h("div", { ref: forward, class: "summary", role: "alert", tabIndex: -1 }, [
    h("h2", null, "No file was made"),
    h("ul", null, items),
  ])
}
