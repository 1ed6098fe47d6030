/**
 * The C library, for what no runtime offers. Only under Bun, so in the executables; anywhere else, and on Windows, opening
 * it throws.
 */
import type { FFIFunction, Library } from "bun:ffi"

const musl: Partial<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" }

/** Its names; glibc before musl. */
function names(): readonly string[] {
  if (process.platform === "darwin") return ["libc.dylib"]
  if (process.platform === "freebsd") return ["libc.so.7"]
  return ["libc.so.6", `libc.musl-${musl[process.arch] ?? process.arch}.so.1`]
}

/** @param functions by name, with their types. @throws where there is no such library */
export function openLibc<const F extends Record<string, FFIFunction>>(functions: F): Library<F>["symbols"] {
  // oxlint-disable-next-line typescript/no-require-imports
  const { dlopen } = require("bun:ffi") as typeof import("bun:ffi")
  let failure: unknown
  for (const name of names()) {
    try {
      return dlopen(name, functions).symbols
    } catch (cause) {
      failure ??= cause
    }
  }
  throw failure
}
