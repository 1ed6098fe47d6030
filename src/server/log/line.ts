/**
 * One line of the log, as data, and its two written forms:
 * `2026-11-22T22:24:12.123Z info  listener: text key=value` for people, and a JSON object (NDJSON) for programs.
 *
 * Text and values may hold what a stranger sent (an alias, a reason): control characters are escaped, so that nobody can
 * forge a line or command a terminal through the log.
 */
export const levelNames = ["detailed", "debug", "info", "warning", "error", "panic"] as const
export type LevelName = (typeof levelNames)[number]

export type Fields = Readonly<Record<string, string | number | boolean>>

export interface Line {
  readonly timeMs: number
  readonly level: LevelName
  readonly component: string
  readonly text: string
  readonly fields: Fields | undefined
}

export type LineFormat = "text" | "json"

/** @returns the line with its newline */
export function renderLine(line: Line, format: LineFormat): string {
  const time = new Date(line.timeMs).toISOString()
  if (format === "json") {
    const { level, component, text, fields } = line
    return `${JSON.stringify({ time, level, component, text, ...fields })}\n`
  }
  let rendered = `${time} ${line.level.padEnd(5)} ${line.component}: ${escapeControls(line.text)}`
  for (const [key, value] of Object.entries(line.fields ?? {})) rendered += ` ${key}=${fieldValue(value)}`
  return `${rendered}\n`
}

function fieldValue(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value)
  return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(escapeControls(value))
}

function escapeControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`
  })
}
