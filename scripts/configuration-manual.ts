/** Writes `docs/configuration.md` from the schema: `bun scripts/configuration-manual.ts`. */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { configurationManual } from "../src/config/manual.ts"

writeFileSync(fileURLToPath(new URL("../docs/configuration.md", import.meta.url)), configurationManual())
