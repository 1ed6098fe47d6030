/// <reference lib="dom" />
/** The nodes: a host each, a link to add another, and what the cluster's files say of where they are. */
import { h } from "preact"
import type { ComponentChildren } from "preact"
import type { Remark } from "../../config/answers.ts"
import { fieldLabels } from "../../config/answers.ts"
import type { Host } from "../../config/places.ts"
import { About, controlId, described, labelOf, Question, valueOf } from "./field.ts"
import type { FieldProps } from "./field.ts"
import { Ring } from "./ring.ts"

export interface HostsProps extends FieldProps {
  /** Undefined while one has a fault. */
  readonly read: readonly Host[] | undefined
  readonly add: (event: Event) => void
  readonly addHref: string
  readonly remove: (index: number) => void
}

const isOfHosts = ({ field }: Remark) => field === "hosts" || field === "places"

export function HostFields(props: HostsProps): ComponentChildren {
  const { answers, read, add, addHref, change } = props
  const own = { ...props, faults: props.faults.filter(isOfHosts) }
  const respace = () => {
    change({ places: [] })
    // The button goes away, and with it the focus.
    document.getElementById(controlId({ field: "hosts", index: 0 }))?.focus()
  }
  const isKept = answers.places.some((place) => place !== "")
  const control = [
    ...answers.hosts.map((host, index) => h(HostField, { ...own, host, index, key: index })),
    h("p", { key: "add" }, h("a", { href: addHref, onClick: add }, "Click here to add another node")),
    isKept &&
      h("p", { class: "kept", key: "kept" }, [
        "These nodes keep their places on the ring; a node that is added moves nobody. ",
        h(
          "button",
          { type: "button", class: "quiet", onClick: respace },
          "Space them evenly, for a new cluster",
        ),
      ]),
  ]
  return h(Question, {
    id: "hosts",
    control,
    hint: "With port 2836; host:port for another.",
    faults: own.faults.filter(({ index }) => index === undefined),
    notices: props.notices.filter(isOfHosts),
    becomes: props.explanations.filter(({ field }) => field === "hosts"),
    picture: read === undefined ? undefined : h(Ring, { hosts: read }),
  })
}

function HostField(props: HostsProps & { readonly host: string; readonly index: number }): ComponentChildren {
  const { answers, change, touch, remove, host, index } = props
  const { hosts } = answers
  const place = { field: "hosts", index } as const
  const id = controlId(place)
  const faults = props.faults.filter((fault) => fault.index === index)
  const set = (value: string) => change({ hosts: hosts.map((other, i) => (i === index ? value : other)) })
  return h("div", { class: "host" }, [
    h("label", { for: id }, hosts.length === 1 ? fieldLabels.hosts : labelOf(place)),
    h("div", { class: "row" }, [
      h("input", {
        id,
        name: "host",
        type: "text",
        value: host,
        placeholder: "192.168.1.1",
        autoComplete: "off",
        autoCapitalize: "none",
        spellcheck: false,
        ...described(id, faults.length > 0),
        onInput: (event: Event) => set(valueOf(event)),
        onBlur: () => touch(id),
      }),
      hosts.length > 1 &&
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-label": `Remove node ${index + 1}`,
            onClick: () => remove(index),
          },
          "Remove",
        ),
    ]),
    h(About, { id, hint: "", faults, notices: [] }),
  ])
}
