import { expect, test } from "vitest"
import { foreignKeys, settingPaths } from "../../../src/config/schema.ts"

test("what a foreign key is told to use exists", () => {
  for (const advice of Object.values(foreignKeys)) {
    const path = /(?:use|see) (.*)$/.exec(advice)?.[1]
    if (path !== undefined) expect(settingPaths).toContain(path)
    else expect(advice).toBe("there is no counterpart")
  }
  for (const key of Object.keys(foreignKeys)) expect(settingPaths).not.toContain(key)
})
