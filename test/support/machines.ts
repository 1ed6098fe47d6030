/**
 * Machines of a local network, made of network namespaces: each has addresses, ports and a loopback of its own, and a cable to
 * one switch. It takes root and a kernel with virtual Ethernet.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { type Ran, runToEnd } from "./ran.ts"

function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`)
}

export class Machines implements AsyncDisposable {
  private readonly name = `qdb${process.pid}`
  private readonly running = new Set<ChildProcess>()
  private readonly namespaces: string[] = []

  private constructor() {}

  /** Makes machines with these addresses. @throws where this machine cannot have namespaces, saying what failed */
  static make(addresses: readonly string[]): Machines {
    const machines = new Machines()
    try {
      machines.wire(addresses)
    } catch (error) {
      machines.remove()
      throw error
    }
    return machines
  }

  private wire(addresses: readonly string[]): void {
    const theSwitch = this.add("switch")
    ip("-n", theSwitch, "link", "add", "bridge", "type", "bridge")
    ip("-n", theSwitch, "link", "set", "bridge", "up")
    for (const [i, address] of addresses.entries()) {
      const machine = this.add(address)
      const port = `port${i}`
      ip("-n", theSwitch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", machine)
      ip("-n", theSwitch, "link", "set", port, "master", "bridge", "up")
      ip("-n", machine, "address", "add", `${address}/24`, "dev", "eth0")
      for (const device of ["lo", "eth0"]) ip("-n", machine, "link", "set", device, "up")
    }
  }

  private add(machine: string): string {
    const namespace = this.of(machine)
    ip("netns", "add", namespace)
    this.namespaces.push(namespace)
    return namespace
  }

  private of(machine: string): string {
    return `${this.name}-${machine}`
  }

  /** Starts a command line on a machine, as a shell there would. */
  start(machine: string, folder: string, path: string, line: string): ChildProcess {
    const command = ["netns", "exec", this.of(machine), "sh", "-c", `exec ${line}`]
    const child = spawn("ip", command, {
      cwd: folder,
      env: { PATH: `${path}:${process.env["PATH"]}`, HOME: folder },
      stdio: "pipe",
    })
    this.running.add(child)
    child.once("close", () => this.running.delete(child))
    return child
  }

  /** Runs a command line on a machine to its end. @param typed its standard input */
  run(machine: string, folder: string, path: string, line: string, typed = ""): Promise<Ran> {
    return runToEnd(this.start(machine, folder, path, line), typed)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = [...this.running].map((child) => once(child, "close"))
    for (const child of this.running) child.kill("SIGKILL")
    await Promise.all(ends)
    this.remove()
  }

  private remove(): void {
    for (const namespace of this.namespaces) spawnSync("ip", ["netns", "delete", namespace])
  }
}
