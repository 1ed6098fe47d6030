/** Issuing licenses: for `scripts/license.ts` and tests. A daemon holds no private key and has no use for this. */
import { generateKeyPairSync, sign } from "node:crypto"
import type { KeyObject } from "node:crypto"
import { licenseBody, licenseText } from "./license.ts"
import type { License } from "./license.ts"

export interface KeyPair {
  readonly privateKey: KeyObject
  /** Base64url of 32 bytes, the form that `verifyLicense` takes. */
  readonly publicKey: string
}

/** @returns a new Ed25519 key pair */
export function generateKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  return { privateKey, publicKey: publicKeyText(publicKey) }
}

/** @returns the embedded form of a public key */
export function publicKeyText(publicKey: KeyObject): string {
  return publicKey.export({ format: "jwk" }).x as string
}

/** @returns the license's file */
export function signLicense(license: License, privateKey: KeyObject): string {
  const body = licenseBody(license)
  return licenseText(body, sign(null, Buffer.from(body), privateKey))
}
