/** What the tests of the client's machine share: a client in a virtual world, and what is asked of both. */
import { expect } from "vitest"
import { type Client, connect } from "../../../src/client/client.ts"
import type { ConnectOptions } from "../../../src/client/options.ts"
import { QdbError } from "../../../src/client/error.ts"
import { type Action, FakeCluster } from "./fake-cluster.ts"
import { VirtualWorld } from "./virtual-world.ts"

export const daemons = ["10.0.0.1:2836", "10.0.0.2:2836", "10.0.0.3:2836"]

export interface Rig {
  readonly world: VirtualWorld
  readonly cluster: FakeCluster
  readonly client: Client
}

export async function rig(options: ConnectOptions = {}, seed: number = 1): Promise<Rig> {
  const cluster = new FakeCluster()
  const world = new VirtualWorld(cluster, seed)
  const client = await world.outcome(
    connect({ daemons: [daemons[0]!], runtime: world.runtime(), learnAddresses: false, ...options }),
  )
  return { world, cluster, client }
}

export async function errorOf(world: VirtualWorld, promise: Promise<unknown>): Promise<QdbError> {
  const error = await world.outcome(promise).then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(QdbError)
  return error as QdbError
}

/** The actions in order for what is asked; then it answers. */
export function script(cluster: FakeCluster, ...actions: Action[]): void {
  cluster.behaviour = () => actions.shift() ?? { do: "answer" }
}

export const numbersOf = (cluster: FakeCluster) => cluster.log.map((l) => l.request.number)
export const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
