/**
 * The generator's page as the daemon serves it. An executable has it built in: the build replaces the expression below by
 * the page's text. A daemon that runs from source builds it at the first request, so that it is never older than its source.
 */
const builtIn: string | undefined = process.env.QDB_BUILD_CONFGEN

let built: Promise<string> | undefined

/** @returns the page; rejects where it is neither built in nor can be built */
export function confgenPage(): Promise<string> {
  built ??= builtIn === undefined ? buildFromSource() : Promise.resolve(builtIn)
  return built
}

async function buildFromSource(): Promise<string> {
  // A path that no bundler follows: an executable must not carry its own build.
  const script = new URL("../../scripts/build-confgen.ts", import.meta.url).href
  const { buildConfgen } = (await import(script)) as { buildConfgen: () => Promise<string> }
  return buildConfgen()
}
