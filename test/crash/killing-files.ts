/**
 * What the log uses of `node:fs`, where each call that may change a file is counted. It takes the place of `node:fs` in the log's
 * modules, in a copy of the sources that `driver-kill.test.ts` makes.
 */
import * as real from "node:fs"
import { counted } from "./killing.ts"

export const { closeSync, readFileSync, readSync, readdirSync } = real

export const openSync: typeof real.openSync = (...call) => counted(() => real.openSync(...call))
export const fsyncSync: typeof real.fsyncSync = (...call) => counted(() => real.fsyncSync(...call))
export const fdatasyncSync: typeof real.fdatasyncSync = (...call) =>
  counted(() => real.fdatasyncSync(...call))
export const rmSync: typeof real.rmSync = (...call) => counted(() => real.rmSync(...call))
export const writeSync = (file: number, bytes: Uint8Array, from: number, length: number, place: number) =>
  counted(() => real.writeSync(file, bytes, from, length, place))
