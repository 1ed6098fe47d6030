/** Which qdb this is. The build puts both values into the executables; a run from the checkout has neither. */

/** As in package.json, for instance `0.1.0`. */
export const softwareVersion: string = process.env.QDB_BUILD_VERSION ?? "0.0.0-checkout"
/** The commit the executable was built from, with `+` when the tree had changes; `unknown` outside a build. */
export const softwareCommit: string = process.env.QDB_BUILD_COMMIT ?? "unknown"
