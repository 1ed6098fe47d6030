/** What this build is; the build script defines all three at compile time. */
export const version = process.env.QDB_BUILD_VERSION ?? "0.1.0-dev"
export const buildCommit = process.env.QDB_BUILD_COMMIT ?? "unknown"
/** Of the commit: the same source gives the same bytes, whenever it is built. */
export const buildDate = process.env.QDB_BUILD_DATE ?? "unknown"
