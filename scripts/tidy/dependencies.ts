/**
 * Rules about what we depend on: every version exact, every package's reason in docs/dependencies.md, and the settings
 * file of the runtime holds nothing that would change how a program runs.
 */
import type { Finding } from "./finding.ts"

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/

/** @param document docs/dependencies.md */
export function checkDependencies(manifest: Manifest, document: string): ReadonlyArray<Finding> {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  return Object.entries(all).flatMap(([name, version]) => {
    const found: Array<Finding> = []
    if (!exactVersion.test(version)) {
      found.push({
        path: "package.json",
        line: 0,
        rule: "dependencies",
        message: `${name} is not pinned: ${version}`,
      })
    }
    if (!document.includes(`\`${name}\``)) {
      found.push({
        path: "docs/dependencies.md",
        line: 0,
        rule: "dependencies",
        message: `no reason given for ${name}`,
      })
    }
    return found
  })
}

export function checkRuntimeSettings(bunfig: string): ReadonlyArray<Finding> {
  const sections = [...bunfig.matchAll(/^\s*(\[[^\]]+\]|[\w.-]+\s*=)/gm)].map((match) => match[1] as string)
  const allowed = new Set(["[fmt]", "printWidth =", "semi ="])
  return sections
    .filter((section) => !allowed.has(section.replace(/\s*=$/, " =")))
    .map((section) => ({
      path: "bunfig.toml",
      line: 0,
      rule: "dependencies",
      message: `${section} is no format setting`,
    }))
}
