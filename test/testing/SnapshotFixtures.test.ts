/**
 * `testing/SnapshotFixtures.ts` finds a forgotten `snapshot.version`, and holds the accounts to the snapshots that are
 * there.
 */
import { AssertionError } from "node:assert"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Rpc } from "@effect/rpc"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, Schema } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import * as AccountBehaviour from "../../src/bank/account/AccountBehaviour.ts"
import { Transfer } from "../../src/bank/transfer/Transfer.ts"
import * as TransferBehaviour from "../../src/bank/transfer/TransferBehaviour.ts"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as AggregateSpec from "../../src/testing/AggregateSpec.ts"
import * as SnapshotFixtures from "../../src/testing/SnapshotFixtures.ts"

const Counted = Event.make("Counted", {})
const count = Rpc.make("Count", { success: Schema.Int })

/** A release that adds `by` for each event. */
const counter = (by: number, version: number) => {
  const Counter = Aggregate.make("Counter", {
    id: Schema.String,
    state: Schema.Struct({ n: Schema.Int }),
    initial: { n: 0 },
    events: [Counted],
    commands: [count],
    snapshot: { version }
  })
  const behaviour: Parameters<typeof Counter.define>[0] = {
    decide: { Count: () => Either.right([Counted.make({})]) },
    evolve: { Counted: ({ n }) => ({ n: n + by }) },
    reply: { Count: ({ n }) => n }
  }
  return { definition: Counter.define(behaviour), spec: AggregateSpec.make(Counter, behaviour) }
}

const folder = join(import.meta.dirname, "../fixtures/snapshots")

describe("SnapshotFixtures", () => {
  it.scoped("finds an evolve that changed without its version, and nothing where the version was raised", () =>
    Effect.gen(function* () {
      const made = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-snapshots-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const events = Array.from({ length: 25 }, () => Counted.make({}))
      const fixture = SnapshotFixtures.record(counter(1, 1).definition, events, "counted one each")
      assert.deepStrictEqual(fixture.snapshot.data, { n: 25 })
      writeFileSync(join(made, "counter-1.json"), JSON.stringify(fixture))
      yield* counter(1, 1).spec.holdsSnapshots(made)
      yield* counter(2, 2).spec.holdsSnapshots(made)
      const cause = yield* Effect.flip(Effect.sandbox(counter(2, 1).spec.holdsSnapshots(made)))
      const defect = Cause.squash(cause)
      assert.instanceOf(defect, AssertionError)
      assert.strictEqual(
        (defect as AssertionError).message,
        "counter-1.json: version 25 gives another state than its snapshot, at n: raise snapshot.version of Counter to 2, or fix evolve"
      )
    })
  )

  it.effect("the account gives the states that earlier releases took snapshots of", () =>
    AggregateSpec.make(Account, AccountBehaviour.behaviour).holdsSnapshots(folder)
  )
  it.effect("so does the transfer", () =>
    AggregateSpec.make(Transfer, TransferBehaviour.behaviour).holdsSnapshots(folder)
  )
  it("there is one of today's state of each, so that the two before this look at something", () => {
    const fixtures = [...SnapshotFixtures.read(folder).values()]
    for (const { aggregate, snapshot } of [Account, Transfer]) {
      const isOfToday = (one: SnapshotFixtures.SnapshotFixture) =>
        one.aggregate === aggregate && one.snapshot.fingerprint === snapshot.fingerprint
      assert.isTrue(fixtures.some(isOfToday), aggregate)
    }
  })
})
