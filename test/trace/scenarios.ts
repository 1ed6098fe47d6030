/** One story each; a reader learns the protocol from them. */
import type { Machine } from "../unit/member/network.ts"
import { Story } from "./narrator.ts"

/** Three founders that serve. */
function three(story: Story): readonly [Machine, Machine, Machine] {
  const machines = [story.machine(1, [2, 3]), story.machine(2, [1, 3]), story.machine(3, [1, 2])] as const
  story.chapter("three nodes that name each other start")
  story.start(...machines)
  story.pass(10_000, () => story.network.allServe())
  return machines
}

export const scenarios: Readonly<Record<string, (story: Story) => void>> = {
  "bootstrap-list": (story) => {
    const [first, second, third] = [
      story.machine(1, [2, 3]),
      story.machine(2, [1, 3]),
      story.machine(3, [1, 2]),
    ]
    story.chapter("two of three that name each other start: they wait")
    story.start(first, second)
    story.pass(2_000)
    story.chapter("the third one comes")
    story.start(third)
    story.pass(10_000, () => story.network.allServe())
  },
  "bootstrap-alone": (story) => {
    const alone = story.machine(1, [])
    story.chapter("a node without peers listens for a second, and founds")
    story.start(alone)
    story.pass(3_000)
  },
  "bootstrap-lists-differ": (story) => {
    const [first, second, third] = [story.machine(1, [2, 3]), story.machine(2, [1]), story.machine(3, [1, 2])]
    story.chapter("three nodes start, and the list of n2 does not name n3: all say both lists and wait")
    story.start(first, second, third)
    story.pass(3_000)
    story.chapter("n2 starts again with the same list as the others")
    story.kill(second)
    second.peers = [first.address, third.address]
    story.start(second)
    story.pass(10_000, () => story.network.allServe())
  },
  "bootstrap-wiped-founder": (story) => {
    const machines = [story.machine(1, [2, 3]), story.machine(2, [1, 3]), story.machine(3, [1, 2])] as const
    story.chapter("three founders have recorded each other; none has proposed")
    story.start(...machines)
    story.pass(1_000, () => machines.every((machine) => machine.disk.founding !== undefined))
    story.chapter(
      "the directory of n3 is wiped: the others cannot know whether it had voted, and decide it among them",
    )
    story.kill(machines[2])
    story.network.wipe(machines[2])
    story.start(machines[2])
    story.pass(20_000, () => story.network.allServe())
  },
  join: (story) => {
    story.network.copies = true
    three(story)
    const fourth = story.machine(4, [1])
    story.chapter("a fourth node that knows n1 joins; slots move to it")
    story.start(fourth)
    story.pass(6_000)
  },
  leave: (story) => {
    story.network.copies = true
    const machines = three(story)
    const fourth = story.machine(4, [1])
    story.chapter("a fourth node joins")
    story.start(fourth)
    story.pass(6_000)
    story.chapter("n1 leaves for good: its replicas move first, then its vote, then itself")
    story.network.hand(machines[0], { kind: "stop", how: "leave" })
    story.pass(9_000)
    story.chapter(
      "n1 is started again with its old directory: it finds that it is no member, and asks to be one",
    )
    story.start(machines[0])
    story.pass(2_000)
  },
  "leave-all-founders": (story) => {
    story.network.copies = true
    const machines = three(story)
    const fourth = story.machine(4, [1])
    story.chapter("a fourth node joins, and the three founders leave: the cluster is n4")
    story.start(fourth)
    story.pass(6_000)
    for (const machine of machines) story.network.hand(machine, { kind: "stop", how: "leave" })
    story.pass(20_000)
    story.chapter(
      "wiped and started with their list, which names nobody of that cluster any more, they found another",
    )
    for (const machine of machines) {
      story.network.wipe(machine)
      story.start(machine)
    }
    story.pass(10_000, () => machines.every((machine) => machine.member?.view !== undefined))
  },
  stop: (story) => {
    const [, second] = three(story)
    story.pass(1_000)
    story.chapter("n2 stops cleanly: it hands its primaries over, and nobody waits for a lease")
    story.network.hand(second, { kind: "stop", how: "stop" })
    story.pass(3_000)
    story.chapter("and comes back")
    story.start(second)
    story.pass(3_000)
  },
  "stop-of-all": (story) => {
    const machines = three(story)
    story.pass(1_000)
    story.chapter(
      "all three are to stop: there is nobody to hand over to, so they go as they are, all in sync",
    )
    for (const machine of machines) story.network.hand(machine, { kind: "stop", how: "stop" })
    story.pass(3_000)
    story.chapter("and come back")
    for (const machine of machines) story.start(machine)
    story.pass(3_000)
  },
  "stop-without-majority": (story) => {
    const [first, second, third] = three(story)
    story.pass(1_000)
    story.chapter("n2 and n3 die, and n1 is to stop: nothing can be agreed on, so it does not wait long")
    story.kill(second)
    story.kill(third)
    story.network.hand(first, { kind: "stop", how: "stop" })
    story.pass(8_000)
  },
  "restart-of-all": (story) => {
    const machines = three(story)
    story.pass(1_000)
    story.chapter(
      "all three are killed, and n1 comes back alone: it acts on nothing before it heard another voter",
    )
    for (const machine of machines) story.kill(machine)
    story.pass(500)
    story.start(machines[0])
    story.pass(2_000)
    story.chapter("n2 comes back, then n3; each is a primary again when a view names its present boot")
    story.start(machines[1])
    story.pass(3_000)
    story.start(machines[2])
    story.pass(5_000)
  },
  eviction: (story) => {
    const [first] = three(story)
    story.pass(1_000)
    story.chapter("n1 dies: the others ask each other, and wait until its lease is over")
    story.kill(first)
    story.pass(10_000, () => story.network.allServe())
    story.chapter("n1 comes back with its next boot")
    story.start(first)
    story.pass(3_000)
  },
  "duelling-coordinators": (story) => {
    const [first, second, third] = three(story)
    story.pass(1_000)
    story.chapter(
      "n1 and n2 do not hear each other, and n3 both: nobody is evicted, but both believe to be the first",
    )
    story.network.cut.add(`${first.address}>${second.address}`)
    story.network.cut.add(`${second.address}>${first.address}`)
    story.pass(4_000)
    story.chapter("n3 restarts, and both propose to name its new boot")
    story.kill(third)
    story.pass(300)
    story.start(third)
    story.pass(8_000)
    story.chapter("they hear each other again")
    story.network.heal()
    story.pass(3_000)
  },
  partition: (story) => {
    const [first] = three(story)
    story.pass(1_000)
    story.chapter("n1 is cut off: its leases end before its successors' views exist")
    story.network.isolate(first)
    story.pass(6_000)
    story.chapter("the network heals")
    story.network.heal()
    story.pass(4_000)
  },
  "pause-beyond-lease": (story) => {
    const [first] = three(story)
    story.pass(1_000)
    story.chapter("n1 stands still for three leases")
    story.network.pause(first)
    story.pass(9_000)
    story.chapter("it goes on, and finds that it may answer nothing")
    story.network.resume(first)
    story.pass(4_000)
  },
  "wiped-disk": (story) => {
    story.network.copies = true
    const [, , third] = three(story)
    story.pass(1_000)
    story.chapter(
      "n3 loses its directory and comes back with a new storage: it waits until its past is evicted",
    )
    story.kill(third)
    story.network.wipe(third)
    story.pass(200)
    story.start(third)
    story.pass(15_000)
  },
  "duplicate-node-id": (story) => {
    three(story)
    const twin = story.machine(4, [1], "2")
    story.chapter(
      "a fourth node has the node id of n2, which is well: it gives up, and the cluster is as it was",
    )
    story.start(twin)
    story.pass(12_000)
  },
  "two-clusters-meet": (story) => {
    const [first, second, third] = [story.machine(1, []), story.machine(2, []), story.machine(3, [2])]
    story.chapter("n1 founds a cluster of its own; n2 another, which n3 joins")
    story.start(first, second, third)
    story.pass(3_000)
    story.chapter("n3 restarts with n1 as its peer: it is refused, and both say so; clusters never merge")
    story.kill(third)
    third.peers = [first.address]
    story.start(third)
    story.pass(2_000)
  },
  "wiped-without-peers": (story) => {
    const [, , third] = three(story)
    story.pass(1_000)
    story.chapter(
      "n3 loses its directory and its list of peers, and is cut off: it founds a cluster of its own",
    )
    story.kill(third)
    story.network.wipe(third)
    third.peers = []
    story.network.isolate(third)
    story.pass(3_000)
    story.start(third)
    story.pass(3_000)
    story.chapter("its cluster calls it: it stops and says why")
    story.network.heal()
    story.pass(2_000)
    story.chapter("started again with an empty directory, it hears the call while it listens, and joins")
    story.network.wipe(third)
    story.start(third)
    story.pass(6_000)
  },
}

/** @returns the story as a file's text */
export function narrate(name: string): string {
  const story = new Story()
  scenarios[name]?.(story)
  return `${story.lines.join("\n").trim()}\n`
}
