/** `qdbd`, the daemon: decides what the command line asks for, and does it. */
import { main } from "./server/main.ts"

process.exitCode = await main(process.argv.slice(2))
