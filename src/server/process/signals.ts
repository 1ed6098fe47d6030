/**
 * Signals: the first SIGTERM, SIGINT or SIGQUIT asks for a clean stop, a second one forces the end (status 130); SIGHUP
 * reopens the log files.
 */
const stopping = ["SIGTERM", "SIGINT", "SIGQUIT"] as const

export const forcedExitStatus = 130

/** @returns a function that removes the handlers */
export function onSignals(stop: (signal: string) => void, reopen: () => void): () => void {
  let asked = false
  const handleStop = (signal: string) => {
    if (asked) process.exit(forcedExitStatus)
    asked = true
    stop(signal)
  }
  for (const signal of stopping) process.on(signal, handleStop)
  process.on("SIGHUP", reopen)
  return () => {
    for (const signal of stopping) process.off(signal, handleStop)
    process.off("SIGHUP", reopen)
  }
}
