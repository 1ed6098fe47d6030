/**
 * Makes and inspects licenses: `bun scripts/license.ts COMMAND`. The community license was made by `issue --throw-away`:
 * a key pair that exists in this process only signs it, the public key is printed to be embedded, and nothing else is left.
 */
import { createPrivateKey, createPublicKey } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { parseBytes } from "../src/config/size.ts"
import { describeLicense } from "../src/license/license-cli.ts"
import { LicenseError, licenseProduct, parseLicense } from "../src/license/license.ts"
import type { License } from "../src/license/license.ts"
import { communityPublicKey } from "../src/license/public-key.ts"
import { generateKeyPair, publicKeyText, signLicense } from "../src/license/sign.ts"
import { verifyLicense } from "../src/license/verify.ts"

const usage = `bun scripts/license.ts keygen PRIVATE.pem
bun scripts/license.ts issue (--key PRIVATE.pem | --throw-away) --holder NAME -o FILE
    [--edition NAME] [--issued DAY] [--valid-from DAY|always] [--expires DAY|never] [--support-until DAY|never|none]
    [--nodes N] [--sessions N] [--memory SIZE] [--disk SIZE]
bun scripts/license.ts inspect FILE
bun scripts/license.ts verify FILE [--public-key KEY]
`

function fail(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

const string = { type: "string" } as const
const options = {
  key: string,
  "throw-away": { type: "boolean" },
  output: { type: "string", short: "o" },
  holder: string,
  edition: string,
  issued: string,
  "valid-from": string,
  expires: string,
  "support-until": string,
  nodes: string,
  sessions: string,
  memory: string,
  disk: string,
  "public-key": string,
  help: { type: "boolean", short: "h" },
} as const

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    return fail(`${(error as Error).message}\n${usage}`)
  }
}
const { values, positionals } = readArguments()
const [command, file] = positionals

function count(name: "nodes" | "sessions" | "memory" | "disk"): number | undefined {
  const value = values[name]
  if (value === undefined || value === "unlimited") return undefined
  const parsed = parseBytes(value)
  return parsed.ok && parsed.value > 0 ? parsed.value : fail(`--${name}: ${value} is not a positive number`)
}

function keygen(path: string): void {
  const { privateKey, publicKey } = generateKeyPair()
  writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" })
  process.stdout.write(`${publicKey}\n`)
}

function issue(output: string): void {
  const key = values.key
  if ((key === undefined) === (values["throw-away"] !== true)) fail("either --key or --throw-away is needed")
  const privateKey = key === undefined ? generateKeyPair().privateKey : createPrivateKey(readFileSync(key))
  const issued = values.issued ?? new Date().toISOString().slice(0, 10)
  const license: License = {
    product: licenseProduct,
    edition: values.edition ?? "standard",
    holder: values.holder ?? fail("--holder is needed"),
    issued,
    validFrom: values["valid-from"] ?? issued,
    expires: values.expires ?? "never",
    supportUntil: values["support-until"] ?? "none",
    limits: {
      nodes: count("nodes"),
      sessions: count("sessions"),
      memoryBytes: count("memory"),
      diskBytes: count("disk"),
    },
    others: [],
  }
  const signed = signLicense(license, privateKey)
  parseLicense(signed)
  writeFileSync(output, signed)
  process.stdout.write(`${publicKeyText(createPublicKey(privateKey))}\n`)
}

try {
  const nowMs = Date.now()
  if (values.help === true) process.stdout.write(usage)
  else if (command === "keygen" && file !== undefined) keygen(file)
  else if (command === "issue" && values.output !== undefined) issue(values.output)
  else if (command === "inspect" && file !== undefined) {
    process.stdout.write(describeLicense(parseLicense(readFileSync(file, "utf8")).license, file, nowMs))
  } else if (command === "verify" && file !== undefined) {
    const license = verifyLicense(readFileSync(file, "utf8"), {
      publicKey: values["public-key"] ?? communityPublicKey,
      nowMs,
    })
    process.stdout.write(describeLicense(license, file, nowMs))
  } else fail(usage)
} catch (error) {
  // A file that cannot be read or written names itself.
  if (error instanceof LicenseError) process.stderr.write(`${file ?? ""}: ${error.message}\n`)
  else if ((error as { syscall?: unknown }).syscall !== undefined)
    process.stderr.write(`${(error as Error).message}\n`)
  else throw error
  process.exitCode = 1
}
