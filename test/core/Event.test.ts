/** The promises of `core/Event.ts`: an old event is read as what it became, and what cannot be declared fails early. */
import { assert, describe, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import * as Event from "../../src/core/Event.ts"
import * as EventCodec from "../../src/core/EventCodec.ts"
import * as EventHash from "../../src/core/EventHash.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import { StreamId } from "../../src/core/StreamId.ts"

const Minor = Schema.BigInt
/** Version 1 of the fee is what the split was written for; it has a second one since. */
const FeeTaken1 = Event.make("FeeTaken", { amount: Minor })
const FeeTaken = FeeTaken1.next({ amount: Minor, kind: Schema.String }, (v1) => ({ ...v1, kind: "transfer" }))
const Paid = Event.make("MoneyPaid", { amount: Minor })
  .renamed("Paid")
  .next({ amount: Minor, to: Schema.NullOr(Schema.String) }, (v1) => ({ ...v1, to: null }))
const PaidWithFee = Event.make("PaidWithFee", { amount: Schema.Number, fee: Schema.Number })
  .next({ amount: Schema.String, fee: Schema.String }, (v1) => ({ amount: String(v1.amount), fee: String(v1.fee) }))
  .split([Paid, FeeTaken], ({ amount, fee }, { commandId }) => [
    Paid.stored({ amount, to: commandId }),
    FeeTaken1.stored({ amount: fee })
  ])
const Noticed = Event.make("Noticed", { text: Schema.String }).retired()
const codec = EventCodec.make<typeof Paid | typeof FeeTaken | typeof PaidWithFee | typeof Noticed>([
  Paid,
  FeeTaken,
  PaidWithFee,
  Noticed
])

const stored = (type: string, schemaVersion: number, data: object): StoredEvent => {
  const event = {
    streamId: StreamId.make("account-1"),
    version: 7,
    position: 70,
    commandId: "c-7",
    correlationId: "c-7",
    causationId: null,
    traceparent: null,
    recordedAt: 0,
    type,
    schemaVersion,
    data: JSON.stringify(data),
    previousHash: EventHash.genesis
  }
  return { ...event, hash: EventHash.compute(event), sequence: 7, principal: null }
}
const read = (type: string, schemaVersion: number, data: object) =>
  Either.merge(codec.decode(stored(type, schemaVersion, data)))

describe("Event", () => {
  it("one that became several is read as all of them, in order, each in the present version of its type (UP6)", () => {
    const pieces = [Paid.make({ amount: 90n, to: "c-7" }), FeeTaken.make({ amount: 10n, kind: "transfer" })]
    assert.deepStrictEqual(read("PaidWithFee", 1, { amount: 90, fee: 10 }), pieces)
    assert.deepStrictEqual(read("PaidWithFee", 2, { amount: "90", fee: "10" }), pieces)
  })

  it("one of whose pieces does not decode gives none of them (UP6)", () => {
    const error = read("PaidWithFee", 2, { amount: "90", fee: "ten" })
    assert.instanceOf(error, Error)
    assert.include(String(error), "account-1 version 7 (position 70): PaidWithFee v2 cannot be decoded at amount")
  })

  it("one that is gone is read as nothing, a future version of it is not (UP6)", () => {
    assert.deepStrictEqual(read("Noticed", 1, { text: "hello" }), [])
    assert.include(String(read("Noticed", 2, {})), "newer code")
  })

  it("one that was renamed is read under its new name, from each version (UP1)", () => {
    assert.deepStrictEqual(read("MoneyPaid", 1, { amount: "5" }), [Paid.make({ amount: 5n, to: null })])
    assert.deepStrictEqual(read("Paid", 1, { amount: "5" }), [Paid.make({ amount: 5n, to: null })])
    assert.deepStrictEqual(read("Paid", 2, { amount: "5", to: "b" }), [Paid.make({ amount: 5n, to: "b" })])
    const asRead = Paid.make({ amount: 5n, to: "b" })
    const encoded = Either.getOrThrow(codec.encode(asRead))
    assert.deepStrictEqual(encoded, { type: "Paid", schemaVersion: 2, data: '{"amount":"5","to":"b"}', asRead })
  })

  it("one may get back a name that it had (UP1)", () => {
    const Sent = Event.make("Sent", { to: Schema.String }).renamed("Posted").renamed("Sent")
    const names = EventCodec.make([Sent])
    for (const name of ["Sent", "Posted"]) {
      const events = names.decode(stored(name, 1, { to: "b" }))
      assert.deepStrictEqual(Either.getOrThrow(events), [Sent.make({ to: "b" })])
    }
  })

  it("what is not of the form of an event that is no more is not split (UP8)", () => {
    const error = read("PaidWithFee", 2, { amount: 90, fee: "10" })
    assert.include(String(error), "PaidWithFee v2 cannot be decoded at amount")
    assert.include(String(read("Noticed", 1, { text: 5 })), "Noticed v1 cannot be decoded at text")
  })

  it("a piece of a version that is not declared is not a piece (UP6)", () => {
    const Later = FeeTaken.next({ amount: Minor }, ({ amount }) => ({ amount }))
    const Charged = Event.make("Charged", {}).split([FeeTaken], () => [Later.stored({ amount: "1" })])
    const error = EventCodec.make<Event.Any>([FeeTaken, Charged]).decode(stored("Charged", 1, {}))
    assert.include(String(Either.merge(error)), "FeeTaken v3 is not a piece of it")
  })

  it("an upcaster, a split too, gives the same each time (UP10)", () => {
    const event = stored("PaidWithFee", 1, { amount: 90, fee: 10 })
    assert.deepStrictEqual(codec.decode(event), codec.decode(event))
  })

  it("a split that throws is UndecodableEvent, and quotes nothing (UP9)", () => {
    const Broken = Event.make("Broken", { secret: Schema.String }).split([Paid], ({ secret }) => {
      throw new TypeError(secret)
    })
    const error = Either.merge(
      EventCodec.make<Event.Any>([Broken, Paid]).decode(stored("Broken", 1, { secret: "Jana" }))
    )
    assert.include(String(error), "its split threw TypeError")
    assert.notInclude(String(error), "Jana")
  })

  it("what cannot be is said when the codec is made, with the event's name (UP4)", () => {
    const table: ReadonlyArray<readonly [ReadonlyArray<Event.Any>, string]> = [
      [[FeeTaken, FeeTaken1], "FeeTaken is declared twice"],
      [[Paid, Event.make("MoneyPaid", {})], "MoneyPaid is declared twice"],
      [[Paid, PaidWithFee], "PaidWithFee became FeeTaken, which is not declared"],
      [[Paid, FeeTaken.retired(), PaidWithFee], "PaidWithFee became FeeTaken, which is no more"],
      [[Paid, FeeTaken1, PaidWithFee], "PaidWithFee became FeeTaken version 2, which is not declared"]
    ]
    for (const [events, message] of table)
      assert.throws(() => EventCodec.make(events), EventCodec.InvalidEvents, message)
  })

  it("what is missing does not compile (UP4)", () => {
    const unused = () => {
      // @ts-expect-error the upcaster misses a field of the next version
      Paid.next({ amount: Minor, to: Schema.NullOr(Schema.String), memo: Schema.String }, (v2) => ({ ...v2 }))
      // @ts-expect-error the upcaster reads a field that the version before had not
      Paid.next({ amount: Minor }, (v2) => ({ amount: v2.total }))
      // @ts-expect-error a piece must be of one of the types that it became
      Event.make("Moved", {}).split([Paid], () => [FeeTaken.stored({ amount: "1", kind: "x" })])
      // @ts-expect-error a piece has every field of its version
      FeeTaken.stored({ amount: "1" })
      // @ts-expect-error one that is gone is not written any more
      Noticed.make({ text: "hello" })
      // @ts-expect-error an event that was split has no next version
      PaidWithFee.next({}, () => ({}))
    }
    assert.isFunction(unused)
  })
})
