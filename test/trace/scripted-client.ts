/** A client of a story: hands requests in when it is told to, and tells what comes back. */
import type { ClusterContents } from "../simulation/cluster/contents.ts"
import type { Ask, Reply } from "../simulation/data/message.ts"
import type { Host, Input, Logic } from "../simulation/machine.ts"

export class ScriptedClient implements Logic {
  private readonly host: Host<ClusterContents>
  private readonly hear: (reply: Reply) => void

  constructor(host: Host<ClusterContents>, hear: (reply: Reply) => void) {
    this.host = host
    this.hear = hear
  }

  handle(input: Input): void {
    if (input.kind === "message") this.hear(input.message as Reply)
    else if (input.kind === "command") {
      const { to, ask } = JSON.parse(input.command) as { to: string; ask: Ask }
      this.host.send(to, ask, "request")
    }
  }
}
