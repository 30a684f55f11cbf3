/**
 * The promises of `core/ContractLock.ts` for events: a stored form that changes without a version of its own is found.
 */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, Schema } from "effect"
import { Account } from "../../src/bank/account/Account.ts"
import { Transfer } from "../../src/bank/transfer/Transfer.ts"
import * as ContractLock from "../../src/core/ContractLock.ts"
import * as Event from "../../src/core/Event.ts"
import { AgedAccount } from "../../src/testing/AgedAccount.ts"
import * as EventFixtures from "../../src/testing/EventFixtures.ts"

const Filled = Event.make("Filled", { litres: Schema.Number })
const tank = (...events: ReadonlyArray<Event.Any>) => ({ aggregate: "Tank", events })
const lock = ContractLock.of(tank(Filled))

describe("ContractLock", () => {
  it("finds a form that changed, a name, a version or an event that vanished, and what is not locked yet", () => {
    const Litres = Event.make("Filled", { litres: Schema.String })
    const Bounded = Event.make("Filled", { litres: Schema.Number.pipe(Schema.positive()) })
    const Twice = Filled.next({ litres: Schema.Number, source: Schema.String }, (v1) => ({ ...v1, source: "" }))
    const Refilled = Filled.renamed("Refilled")
    const Again = Event.make("Refilled", { litres: Schema.Number })
    const table: ReadonlyArray<
      readonly [ContractLock.ContractLock, ReadonlyArray<Event.Any>, RegExp, "broken" | "missing"]
    > = [
      [lock, [Litres], /Filled version 1 has another stored form/, "broken"],
      // What was stored may be out of the bound.
      [lock, [Bounded], /Filled version 1 has another stored form/, "broken"],
      [ContractLock.of(tank(Twice)), [Filled], /Filled version 2 vanished/, "broken"],
      [lock, [], /Filled is no longer declared/, "broken"],
      [ContractLock.of(tank(Refilled)), [Again], /Filled is no longer read as Refilled/, "broken"],
      [ContractLock.of(tank(Refilled)), [Again, Filled], /Filled is no longer read as Refilled/, "broken"],
      [lock, [Twice], /Filled version 2 is not locked yet/, "missing"],
      [lock, [Filled, Event.make("Drained", {})], /Drained version 1 is not locked yet/, "missing"],
      [ContractLock.of(tank(Again)), [Refilled], /that Tank event Refilled was Filled is not locked yet/, "missing"]
    ]
    for (const [locked, events, says, kind] of table) {
      assert.match(ContractLock.compare(locked, tank(...events))[kind].join(), says)
    }
  })

  it("agrees with what keeps every stored form: a remark, the order of fields, a retirement", () => {
    const Tapped = Event.make("Tapped", { litres: Schema.NumberFromString, title: Schema.Literal("red", "white") })
    const litres = Schema.NumberFromString.annotations({ description: "as the gauge says" })
    const Remarked = Event.make("Tapped", { title: Schema.Literal("white", "red"), litres })
    const lockOfTapped = ContractLock.of(tank(Tapped))
    for (const event of [Tapped, Remarked, Tapped.retired()]) {
      assert.deepStrictEqual(ContractLock.compare(lockOfTapped, tank(event)), { broken: [], missing: [], notes: [] })
    }
  })

  it("goes on with the versions of a former name", () => {
    const Refilled = Filled.renamed("Refilled")
    assert.deepStrictEqual(ContractLock.compare(lock, tank(Refilled)), {
      broken: [],
      missing: [
        "Tank event Refilled version 1 is not locked yet",
        "that Tank event Refilled was Filled is not locked yet"
      ],
      notes: []
    })
    assert.deepStrictEqual(
      ContractLock.compare(ContractLock.of(tank(Refilled)), tank(Refilled.renamed("Topped"))).broken,
      []
    )
  })
})

describe("every event of the account", () => {
  for (const type of Account.events) {
    it(`${type.tag}: what was encoded is decoded as it was (UP11)`, () => {
      const codec = Account.codec
      const events = Arbitrary.make(type.schema as Schema.Schema<Event.Of<(typeof Account.events)[number]>>)
      FastCheck.assert(
        FastCheck.property(events, (event) => {
          const encoded = codec.encode(event as never)
          // A money of impossible decimals is refused, as it would not come back.
          if (Either.isLeft(encoded)) return
          const [row] = EventFixtures.rows({
            aggregate: "Account",
            story: "",
            stored: [{ ...encoded.right, data: JSON.parse(encoded.right.data), recordedAt: 0 }],
            current: []
          })
          if (row === undefined) throw new Error("no row")
          assert.deepStrictEqual(Either.getOrThrow(codec.decode(row)), [event])
        })
      )
    })
  }
})

describe("events as earlier releases stored them", () => {
  const fixtures = join(import.meta.dirname, "../fixtures/events")

  it.effect("read as their files say (UP11)", () => EventFixtures.assertReadable(AgedAccount, fixtures))
  const lockFile = join(import.meta.dirname, "../../events.lock.json")
  it.effect("those of the account are as locked, and read as their files say (UP11)", () =>
    EventFixtures.assertLocked(Account, lockFile, fixtures)
  )
  it.effect("those of the transfer are as locked, and read as their files say (UP11)", () =>
    EventFixtures.assertLocked(Transfer, lockFile, fixtures)
  )
  it("are there", () => {
    assert.isAtLeast(EventFixtures.read(fixtures).size, 6)
  })
})
