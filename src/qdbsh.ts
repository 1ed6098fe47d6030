/** `qdbsh`, the shell. */
import { main } from "./shell/main.ts"

process.exitCode = await main(process.argv.slice(2))
