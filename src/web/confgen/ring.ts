/// <reference lib="dom" />
/** The ring with its nodes where their places are: evenly spaced, and where a node that is added goes. */
import { h } from "preact"
import type { ComponentChildren } from "preact"
import { placeText } from "../../config/places.ts"
import type { Host } from "../../config/places.ts"

const middle = 70
const radius = 48
const labelRadius = 63
/** More numbers than these would lie on each other. */
const labelledNodes = 16

/** @param turn part of the ring, from the top on, clockwise */
function point(turn: number, distance: number): readonly [x: number, y: number] {
  const angle = 2 * Math.PI * turn
  const round = (value: number) => Math.round(value * 10) / 10
  return [round(middle + distance * Math.sin(angle)), round(middle - distance * Math.cos(angle))]
}

export function Ring({ hosts }: { readonly hosts: readonly Host[] }): ComponentChildren {
  const marks = hosts.map(({ place }, index) => {
    const turn = (place.index - 1) / place.count
    const [cx, cy] = point(turn, radius)
    const [x, y] = point(turn, labelRadius)
    return h("g", { key: index }, [
      h("circle", { class: "node", cx, cy, r: hosts.length > labelledNodes ? 3 : 6 }),
      hosts.length <= labelledNodes && h("text", { x, y }, String(index + 1)),
    ])
  })
  const told = hosts.map(({ place }, index) => `node ${index + 1} at ${placeText(place)}`).join(", ")
  return h(
    "svg",
    { class: "ring", viewBox: "0 0 140 140", role: "img", "aria-label": `Places on the ring: ${told}` },
    [h("circle", { class: "line", cx: middle, cy: middle, r: radius }), ...marks],
  )
}
