/// <reference lib="dom" />
/** The form's parts: a label, a control, what it becomes, and what is wrong, tied together for screen readers. */
import { h } from "preact"
import type { ComponentChildren } from "preact"
import { fieldLabels } from "../../config/answers.ts"
import type { Answers, Field, Remark } from "../../config/answers.ts"
import type { Explanation } from "../../config/explain.ts"

export interface FieldProps {
  readonly answers: Answers
  readonly change: (changes: Partial<Answers>) => void
  /** Faults that may be shown: of what was touched, or all after an attempt to generate. */
  readonly faults: readonly Remark[]
  readonly notices: readonly Remark[]
  readonly explanations: readonly Explanation[]
  readonly touch: (id: string) => void
}

export const fieldId = (field: Field, index?: number): string =>
  index === undefined ? field : `${field}-${index}`

const valueOf = (event: Event): string => (event.currentTarget as HTMLInputElement).value

export interface TextProps extends FieldProps {
  readonly field: "ram" | "disk" | "cores" | "replication" | "sessions"
  readonly hint: string
  readonly placeholder?: string
  readonly numeric?: boolean
}

export function TextField(props: TextProps): ComponentChildren {
  const { field, answers, change, touch, hint, placeholder = "", numeric = false } = props
  const remarks = remarksOf(props, field)
  return h("div", { class: "field" }, [
    h("label", { for: field }, fieldLabels[field]),
    h("input", {
      id: field,
      name: field,
      type: "text",
      value: answers[field],
      placeholder,
      inputMode: numeric ? "numeric" : "text",
      autoComplete: "off",
      spellcheck: false,
      "aria-invalid": remarks.faults.length > 0,
      "aria-describedby": `${field}-about`,
      onInput: (event: Event) => change({ [field]: valueOf(event) }),
      onBlur: () => touch(field),
    }),
    h(About, { id: `${field}-about`, hint, ...remarks }),
  ])
}

export function CheckField(props: FieldProps & { readonly field: "sync" }): ComponentChildren {
  const { field, answers, change } = props
  const remarks = remarksOf(props, field)
  return h("div", { class: "field" }, [
    h("div", { class: "check" }, [
      h("input", {
        id: field,
        name: field,
        type: "checkbox",
        checked: answers[field],
        "aria-describedby": `${field}-about`,
        onChange: (event: Event) => change({ [field]: (event.currentTarget as HTMLInputElement).checked }),
      }),
      h("label", { for: field }, fieldLabels[field]),
    ]),
    h(About, { id: `${field}-about`, hint: "", ...remarks }),
  ])
}

export interface SelectProps extends FieldProps {
  readonly field: "logLevel" | "persistence"
  readonly options: readonly (readonly [value: string, text: string])[]
}

export function SelectField(props: SelectProps): ComponentChildren {
  const { field, answers, change, options } = props
  const remarks = remarksOf(props, field)
  const known = options.some(([value]) => value === answers[field])
  // An address may hold anything: what it holds is shown, not replaced by something else.
  const all = known ? options : [...options, [answers[field], answers[field]] as const]
  return h("div", { class: "field" }, [
    h("label", { for: field }, fieldLabels[field]),
    h(
      "select",
      {
        id: field,
        name: field,
        value: answers[field],
        "aria-invalid": remarks.faults.length > 0,
        "aria-describedby": `${field}-about`,
        onChange: (event: Event) => change({ [field]: valueOf(event) }),
      },
      all.map(([value, text]) =>
        h("option", { value, key: value, selected: value === answers[field] }, text),
      ),
    ),
    h(About, { id: `${field}-about`, hint: "", ...remarks }),
  ])
}

interface Remarks {
  readonly faults: readonly string[]
  readonly notices: readonly string[]
  readonly becomes: readonly Explanation[]
}

function remarksOf({ faults, notices, explanations }: FieldProps, field: Field): Remarks {
  const own = (remarks: readonly Remark[]) =>
    remarks.filter((remark) => remark.field === field && remark.index === undefined).map(({ text }) => text)
  return {
    faults: own(faults),
    notices: own(notices),
    becomes: explanations.filter((item) => item.field === field),
  }
}

export const faultText = (label: string, text: string): string => `${label} ${text}.`

/** What stands below a control. A fault comes first; what an answer becomes is told as long as there is none. */
export function About({
  id,
  hint,
  faults,
  notices,
  becomes,
}: Remarks & { readonly id: string; readonly hint: string }): ComponentChildren {
  const lines: ComponentChildren[] = [
    ...faults.map((text) => h("span", { class: "fault", key: text }, `This ${text}.`)),
    ...notices.map((text) => h("span", { class: "notice", key: text }, `Note: ${text}.`)),
  ]
  if (hint !== "") lines.push(h("span", { key: "hint" }, hint))
  for (const { path, value, why } of becomes) {
    lines.push(
      h("span", { class: "becomes", key: path }, [
        h("code", null, path),
        ` becomes `,
        h("b", null, value),
        `: ${why}.`,
      ]),
    )
  }
  return h("div", { id, class: "about" }, lines)
}

export function HostFields(
  props: FieldProps & {
    readonly add: (event: Event) => void
    readonly addHref: string
    readonly remove: (index: number) => void
  },
): ComponentChildren {
  const { answers, change, faults, touch, add, addHref, remove } = props
  const { hosts } = answers
  const rows = hosts.map((host, index) => {
    const id = fieldId("hosts", index)
    const own = [...faults].filter(
      (fault) => (fault.field === "hosts" || fault.field === "places") && fault.index === index,
    )
    const set = (value: string) => change({ hosts: hosts.map((other, i) => (i === index ? value : other)) })
    return h("div", { class: "field host", key: index }, [
      h(
        "label",
        { for: id },
        hosts.length === 1 ? fieldLabels.hosts : `${fieldLabels.hosts} of node ${index + 1}`,
      ),
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
          "aria-invalid": own.length > 0,
          "aria-describedby": `${id}-about`,
          onInput: (event: Event) => set(valueOf(event)),
          onBlur: () => touch(id),
        }),
        hosts.length > 1 &&
          h(
            "button",
            {
              type: "button",
              class: "remove",
              "aria-label": `Remove node ${index + 1}`,
              onClick: () => remove(index),
            },
            "Remove",
          ),
      ]),
      h(About, {
        id: `${id}-about`,
        hint: "",
        faults: own.map(({ text }) => text),
        notices: [],
        becomes: [],
      }),
    ])
  })
  const whole = remarksOf(props, "hosts")
  return h("div", { class: "hosts" }, [
    ...rows,
    h("p", { key: "add" }, h("a", { href: addHref, onClick: add }, "Click here to add another node")),
    h(About, {
      key: "about",
      id: "hosts-about",
      hint: "Port 2836, unless another is given: host:port.",
      ...whole,
    }),
  ])
}
