/** How this program is started again. */

/** Outside of a compiled executable the runtime has to be told the script again. */
export function ownScript(): string[] {
  const script = process.argv[1]
  return script === undefined || script.startsWith("/$bunfs/") || /^[A-Z]:[\\/]~BUN/.test(script)
    ? []
    : [script]
}
