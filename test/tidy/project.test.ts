/** The project's own rules, applied to the project: see scripts/tidy. Each rule is proven in rules.test.ts. */
import { describe, expect, it } from "vitest"
import { projectRoot } from "../../scripts/source/files.ts"
import { showFinding } from "../../scripts/tidy/finding.ts"
import { checkProject } from "../../scripts/tidy/project.ts"

describe("the project", () => {
  for (const [rule, findings] of Object.entries(checkProject(projectRoot))) {
    it(`follows the rule ${rule}`, () => {
      expect(findings.map(showFinding)).toEqual([])
    })
  }
})
