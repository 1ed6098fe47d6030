/** What this build is; the build script defines both at compile time. */
export const version = process.env.QDB_BUILD_VERSION ?? "0.1.0-dev"
export const buildCommit = process.env.QDB_BUILD_COMMIT ?? "unknown"

export const versionText = `qdbsh ${version} (${buildCommit})\n`
