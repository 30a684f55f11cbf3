import { Scheduler } from "effect"
import { expect, it } from "vitest"
import { Turns } from "../../src/core/Turns.ts"

/** Resolves when the event loop has come around. */
const eventLoop = () => new Promise((resolve) => setImmediate(resolve))

it("turns that are taken come in their order, and one that comes up meanwhile comes after them", async () => {
  const turns = new Turns(Scheduler.defaultScheduler)
  const taken: Array<string> = []
  const named = (name: string, then?: () => void) => ({
    takeTurn: () => {
      taken.push(name)
      then?.()
    }
  })
  turns.add(named("a", () => turns.add(named("c"))))
  turns.add(named("b"))
  expect(taken).toEqual([])
  await eventLoop()
  expect(taken).toEqual(["a", "b", "c"])
})

it("an actor that always has another turn does not keep the event loop from its own", async () => {
  // One that knows of no other rounds, as it is where each begins with the answer of a store.
  const turns = new Turns(Scheduler.make((task) => void Promise.resolve().then(task)))
  let count = 0
  let hasCome = false
  const forever = {
    takeTurn: () => {
      count++
      if (!hasCome && count < 1_000_000) turns.add(forever)
    }
  }
  turns.add(forever)
  await eventLoop()
  hasCome = true
  expect(count).toBeLessThan(1_000_000)
})

it("turns that take long have the event loop between them, and keep their order", async () => {
  const turns = new Turns(Scheduler.defaultScheduler)
  const taken: Array<string> = []
  const long = (name: string, then?: () => void) => ({
    takeTurn: () => {
      const until = performance.now() + 60
      while (performance.now() < until);
      taken.push(name)
      then?.()
    }
  })
  turns.add(long("a", () => turns.add(long("c"))))
  turns.add(long("b"))
  for (const soFar of [["a"], ["a", "b"], ["a", "b", "c"]]) {
    await eventLoop()
    expect(taken).toEqual(soFar)
  }
})
