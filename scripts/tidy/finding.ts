/** What a tidy rule found: a place and a sentence. */
export interface Finding {
  readonly path: string
  /** From 1; 0 when the finding is about the file as a whole. */
  readonly line: number
  readonly rule: string
  readonly message: string
}

export function showFinding(finding: Finding): string {
  const place = finding.line === 0 ? finding.path : `${finding.path}:${finding.line}`
  return `${place}: ${finding.message} [${finding.rule}]`
}

export function lineAt(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf("\n"); at >= 0 && at < index; at = text.indexOf("\n", at + 1)) line += 1
  return line
}
