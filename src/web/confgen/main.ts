/// <reference lib="dom" />
/** Where the page starts, and the one thing it does to the outside: saving a file. */
import { h, render } from "preact"
import type { Download } from "../../config/archive.ts"
import { Page } from "./page.ts"

function save({ name, mediaType, bytes }: Download): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: mediaType }))
  const link = document.createElement("a")
  link.href = url
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  // The browser reads the bytes after the click; a minute is more than it needs.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

const root = document.getElementById("page")
if (root !== null) {
  root.textContent = ""
  render(h(Page, { save }), root)
}
