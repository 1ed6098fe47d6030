/// <reference lib="dom" />
/**
 * One question: a label, a control, what is wrong with the answer, and what it becomes, tied together for screen readers.
 * On the left is what one does, on the right what follows from it.
 */
import { h } from "preact"
import type { ComponentChildren } from "preact"
import type { Answers, Remark } from "../../config/answers.ts"
import { fieldLabels } from "../../config/answers.ts"
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

/** Where a remark belongs: places have no controls of their own, and what is said of all hosts is said at the first. */
export function controlId({ field, index }: Pick<Remark, "field" | "index">): string {
  return field === "hosts" || field === "places" ? `hosts-${index ?? 0}` : field
}

/** @returns the question's name, as the list of faults and the labels of hosts have it */
export function labelOf({ field, index }: Pick<Remark, "field" | "index">): string {
  return index === undefined ? fieldLabels[field] : `${fieldLabels[field]} of node ${index + 1}`
}

export const valueOf = (event: Event): string => (event.currentTarget as HTMLInputElement).value

/** What a control has to tell a screen reader. */
export const described = (id: string, isWrong: boolean) =>
  ({ "aria-invalid": isWrong, "aria-describedby": `${id}-about` }) as const

/** @param control what stands between the label and the remarks; `label` may be part of it */
export function Question(props: {
  readonly id: string
  readonly control: ComponentChildren
  readonly hint: string
  readonly faults: readonly Remark[]
  readonly notices: readonly Remark[]
  readonly becomes: readonly Explanation[]
  /** Beside what the answer becomes. */
  readonly picture?: ComponentChildren
}): ComponentChildren {
  const { control, becomes, picture } = props
  return h("div", { class: "field" }, [
    h("div", { class: "ask" }, [control, h(About, props)]),
    h("div", { class: "follows" }, [picture, ...becomes.map((item) => h(Becomes, { ...item }))]),
  ])
}

/** What stands below a control: what is wrong first. */
export function About(props: {
  readonly id: string
  readonly hint: string
  readonly faults: readonly Remark[]
  readonly notices: readonly Remark[]
}): ComponentChildren {
  const { id, hint, faults, notices } = props
  const subject = ({ field, index }: Remark) =>
    field === "places" ? (index === undefined ? fieldLabels.places : "Its place on the ring") : "This"
  return h("div", { id: `${id}-about`, class: "about" }, [
    ...faults.map((fault) => h("p", { class: "fault", key: fault.text }, `${subject(fault)} ${fault.text}.`)),
    ...notices.map(({ text }) => h("p", { class: "notice", key: text }, `Note: ${text}.`)),
    hint !== "" && h("p", { key: "hint" }, hint),
  ])
}

function Becomes({ path, value, why }: Explanation): ComponentChildren {
  return h("p", { key: path }, [h("code", null, path), " becomes ", h("b", null, value), `: ${why}.`])
}
