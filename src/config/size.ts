/**
 * Sizes as people write them: `16 GiB`, `2TB`, `1.5g`, `1048576`. Decimal and binary units are what they say: 2 TB is
 * 2 × 10^12 bytes, 2 TiB is 2 × 2^40. A lone letter is the binary unit, as in every configuration file of the field.
 */
import type { Parsed } from "./address.ts"

const powers = ["", "k", "m", "g", "t", "p"]
const maximum = BigInt(Number.MAX_SAFE_INTEGER)

/** @returns bytes, exact; fractions are carried out in integers, so that every platform gets the same number */
export function parseBytes(text: string): Parsed<number> {
  const match = /^\s*([0-9]{1,20})(?:[.]([0-9]{1,9}))?\s*(?:([kmgtp])?(i)?(b|bytes?|o)?)\s*$/i.exec(text)
  if (match === null) return { ok: false, wrong: "is not a size" }
  const [, whole, fraction = "", letter = "", binary, byte] = match as unknown as [
    string,
    string,
    string?,
    string?,
    string?,
    string?,
  ]
  if (binary !== undefined && letter === "") return { ok: false, wrong: "is not a size" }
  const power = BigInt(powers.indexOf(letter.toLowerCase()))
  const unit = (binary === undefined && byte !== undefined ? 1000n : 1024n) ** power
  const scale = 10n ** BigInt(fraction.length)
  const scaled = BigInt(whole + fraction) * unit
  if (scaled % scale !== 0n && power === 0n) return { ok: false, wrong: "is not a whole number of bytes" }
  const bytes = scaled / scale
  if (bytes > maximum) return { ok: false, wrong: "is larger than 8 PiB" }
  return { ok: true, value: Number(bytes) }
}

/** @returns the shortest exact text: `16 GiB`, `1.5 TiB`, `2 TB`, `123456789 bytes`; binary where both are as short */
export function formatBytes(bytes: number): string {
  let best = `${bytes} bytes`
  for (let power = 5; power > 0; power--) {
    const letter = (powers[power] as string).toUpperCase()
    for (const [base, unit] of [
      [1024, `${letter}iB`],
      [1000, `${letter === "K" ? "k" : letter}B`],
    ] as const) {
      const amount = bytes / base ** power
      if (amount < 1 || !Number.isInteger(amount * 4)) continue
      if (`${amount} ${unit}`.length < best.length) best = `${amount} ${unit}`
    }
  }
  return best
}
