/// <reference lib="dom" />
/** What will be saved: in which keys the nodes differ, and every file as it will be. */
import { h } from "preact"
import type { ComponentChildren } from "preact"
import type { Plan } from "../../config/answers.ts"
import type { SettingPath } from "../../config/config.ts"
import { nodeSettings } from "../../config/generate.ts"
import type { GeneratedFile } from "../../config/generate.ts"
import { addressOf, fileNameOf } from "../../config/hosts.ts"

/** More are in the archive all the same; a table of a hundred columns helps nobody. */
const shownNodes = 12

/** @returns the keys whose values are not the same on every node */
export function differingPaths(plan: Plan): readonly SettingPath[] {
  const settings = plan.hosts.map((_, index) => nodeSettings(plan, index))
  const first = settings[0] ?? {}
  return (Object.keys(first) as SettingPath[]).filter((path) =>
    settings.some((other) => JSON.stringify(other[path]) !== JSON.stringify(first[path])),
  )
}

export function Preview({
  plan,
  files,
}: {
  readonly plan: Plan | undefined
  readonly files: readonly GeneratedFile[]
}): ComponentChildren {
  if (plan === undefined) {
    return h("section", { "aria-labelledby": "preview" }, [
      h("h2", { id: "preview" }, "Preview"),
      h("p", null, "The files appear here once the answers are complete."),
    ])
  }
  return h("section", { "aria-labelledby": "preview" }, [
    h("h2", { id: "preview" }, "Preview"),
    plan.hosts.length > 1 && h(Differences, { plan }),
    ...files.map((file) =>
      h("details", { key: file.name }, [
        h("summary", null, file.name),
        h("pre", { tabIndex: 0, role: "region", "aria-label": file.name }, marked(file, files)),
      ]),
    ),
  ])
}

/** @returns the text, with the lines marked that differ between the nodes: all files have the same keys, in one order */
function marked({ name, text }: GeneratedFile, files: readonly GeneratedFile[]): ComponentChildren {
  const configs = files.filter((file) => file.name.endsWith(".conf"))
  if (!name.endsWith(".conf") || configs.length === 1) return text
  const others = configs.map((file) => file.text.split("\n"))
  return text.split(/(?<=\n)/).map((line, index) => {
    const isShared = others.every((lines) => lines[index] === line.trimEnd())
    return isShared ? line : h("mark", { key: index }, line)
  })
}

function Differences({ plan }: { readonly plan: Plan }): ComponentChildren {
  const shown = plan.hosts.slice(0, shownNodes)
  const cells = (path: SettingPath, index: number): string => {
    const value = nodeSettings(plan, index)[path]
    return Array.isArray(value) ? value.join("\n") : String(value)
  }
  const more = plan.hosts.length - shown.length
  return h("div", null, [
    h(
      "p",
      null,
      `Only these keys differ between the nodes${more > 0 ? `; ${more} more nodes are not shown` : ""}. In the files below, the lines that differ are marked.`,
    ),
    h(
      "div",
      { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Differences between the nodes" },
      [
        h("table", null, [
          h(
            "thead",
            null,
            h("tr", null, [
              h("th", { scope: "col" }, "Key"),
              ...shown.map(({ address }) =>
                h("th", { scope: "col", key: addressOf(address) }, `${fileNameOf(address)}.conf`),
              ),
            ]),
          ),
          h(
            "tbody",
            null,
            differingPaths(plan).map((path) =>
              h("tr", { key: path }, [
                h("th", { scope: "row" }, h("code", null, path)),
                ...shown.map((host, index) => h("td", { key: addressOf(host.address) }, cells(path, index))),
              ]),
            ),
          ),
        ]),
      ],
    ),
  ])
}
