/** `bun scripts/tidy.ts`: what the tidy test finds, one line each; for while one works. */
import { projectRoot } from "./source/files.ts"
import { showFinding } from "./tidy/finding.ts"
import { checkProject } from "./tidy/project.ts"

const findings = Object.values(checkProject(projectRoot)).flat()
for (const finding of findings) console.log(showFinding(finding))
process.exit(findings.length === 0 ? 0 : 1)
