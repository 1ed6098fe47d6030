/**
 * Builds the configuration generator's page: one HTML file that needs nothing else. `bun scripts/build-confgen.ts [OUTPUT]`
 * writes `dist/confgen.html`. The same sources give the same bytes.
 *
 * The policy lets exactly the two inline pieces run, by their hashes, and lets nothing be fetched: so the page is safe to
 * serve from anywhere, and what it is told cannot leave it.
 */
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { brotliCompressSync, gzipSync } from "node:zlib"

const folder = fileURLToPath(new URL("../src/web/confgen/", import.meta.url))

/** Compressed, as a server sends it. */
export const pageBytesMax = 60 * 1024

const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

async function bundle(file: string): Promise<string> {
  const built = await Bun.build({
    entrypoints: [`${folder}${file}`],
    target: "browser",
    format: "iife",
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
  })
  const [output] = built.outputs
  if (output === undefined || built.outputs.length !== 1) throw new Error(`${file}: expected one output`)
  return (await output.text()).trim()
}

/** @returns the page */
export async function buildConfgen(): Promise<string> {
  const [script, style] = await Promise.all([bundle("main.ts"), bundle("style.css")])
  // A script ends at the first "</script", wherever it stands.
  const safe = script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--")
  const policy = [
    "default-src 'none'",
    `script-src ${hash(safe)}`,
    `style-src ${hash(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ")
  // Spaces around a piece would be part of what the browser takes the hash of; a formatter may put some there.
  const pieces: Readonly<Record<string, string>> = { POLICY: policy, STYLE: style, SCRIPT: safe }
  return readFileSync(`${folder}page.html`, "utf8").replace(
    /\s*\b(POLICY|STYLE|SCRIPT)\b\s*/g,
    (_, name: string) => pieces[name] as string,
  )
}

if (import.meta.main) {
  const output = resolve(process.argv[2] ?? fileURLToPath(new URL("../dist/confgen.html", import.meta.url)))
  const page = await buildConfgen()
  const compressed = gzipSync(page, { level: 9 }).length
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(output, page)
  console.log(
    `${output}  ${Buffer.byteLength(page)} bytes, ${compressed} gzip, ${brotliCompressSync(page).length} brotli`,
  )
  if (compressed > pageBytesMax) {
    console.error(`build-confgen: the page is larger than ${pageBytesMax} bytes compressed`)
    process.exitCode = 1
  }
}
