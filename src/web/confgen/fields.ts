/// <reference lib="dom" />
/** The kinds of questions that have one answer. */
import { h } from "preact"
import type { ComponentChildren } from "preact"
import { fieldLabels } from "../../config/answers.ts"
import type { Field } from "../../config/answers.ts"
import { described, Question, valueOf } from "./field.ts"
import type { FieldProps } from "./field.ts"

export interface TextProps extends FieldProps {
  readonly field: "ram" | "disk" | "cores" | "replication" | "sessions"
  readonly hint: string
  readonly placeholder?: string
  readonly numeric?: boolean
}

export function TextField(props: TextProps): ComponentChildren {
  const { field, hint, answers, change, touch, placeholder = "", numeric = false } = props
  const about = aboutOf(props, field)
  return h(Question, {
    ...about,
    hint,
    control: [
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
        ...described(field, about.faults.length > 0),
        onInput: (event: Event) => change({ [field]: valueOf(event) }),
        onBlur: () => touch(field),
      }),
    ],
  })
}

export function CheckField(props: FieldProps & { readonly field: "sync" }): ComponentChildren {
  const { field, answers, change } = props
  const control = h("div", { class: "check" }, [
    h("input", {
      id: field,
      name: field,
      type: "checkbox",
      checked: answers[field],
      "aria-describedby": `${field}-about`,
      onChange: (event: Event) => change({ [field]: (event.currentTarget as HTMLInputElement).checked }),
    }),
    h("label", { for: field }, fieldLabels[field]),
  ])
  return h(Question, { ...aboutOf(props, field), hint: "", control })
}

export interface SelectProps extends FieldProps {
  readonly field: "logLevel" | "persistence"
  readonly options: readonly (readonly [value: string, text: string])[]
}

export function SelectField(props: SelectProps): ComponentChildren {
  const { field, answers, change, options } = props
  const about = aboutOf(props, field)
  const known = options.some(([value]) => value === answers[field])
  // An address may hold anything: what it holds is shown, not replaced by something else.
  const all = known ? options : [...options, [answers[field], answers[field]] as const]
  const control = [
    h("label", { for: field }, fieldLabels[field]),
    h(
      "select",
      {
        id: field,
        name: field,
        value: answers[field],
        ...described(field, about.faults.length > 0),
        onChange: (event: Event) => change({ [field]: valueOf(event) }),
      },
      all.map(([value, text]) =>
        h("option", { value, key: value, selected: value === answers[field] }, text),
      ),
    ),
  ]
  return h(Question, { ...about, hint: "", control })
}

function aboutOf({ faults, notices, explanations }: FieldProps, field: Field) {
  return {
    id: field,
    faults: faults.filter((remark) => remark.field === field),
    notices: notices.filter((remark) => remark.field === field),
    becomes: explanations.filter((item) => item.field === field),
  }
}
