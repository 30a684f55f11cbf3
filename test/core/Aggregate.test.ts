/** The promises of `core/Aggregate.ts` that need no actor: to snapshots, and of names. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Aggregate from "../../src/core/Aggregate.ts"

const fingerprint = <S, I>(state: Schema.Schema<S, I>, initial: NoInfer<S>, version?: number): string => {
  const snapshot = version === undefined ? {} : { snapshot: { version } }
  const contract = { id: Schema.String, state, initial, events: [], commands: [], ...snapshot }
  return Aggregate.make("Tank", contract).define({ decide: {}, evolve: {}, reply: {} }).snapshot.fingerprint
}
const Litres = Schema.Struct({ litres: Schema.Int })
const known = fingerprint(Litres, { litres: 0 })

describe("the fingerprint of a state", () => {
  it("SS13 changes with the stored form, with what it is decoded to, and with the version of evolve", () => {
    const Full = Schema.transform(Litres, Schema.Struct({ litres: Schema.Int, isFull: Schema.Boolean }), {
      strict: true,
      decode: ({ litres }) => ({ litres, isFull: false }),
      encode: ({ litres }) => ({ litres })
    })
    assert.notStrictEqual(fingerprint(Schema.Struct({ litres: Schema.NullOr(Schema.Int) }), { litres: 0 }), known)
    assert.notStrictEqual(fingerprint(Full, { litres: 0, isFull: false }), known)
    assert.notStrictEqual(fingerprint(Litres, { litres: 0 }, 2), known)
  })

  it("does not change with a remark or the initial state", () => {
    assert.strictEqual(fingerprint(Litres.annotations({ description: "in the tank" }), { litres: 1 }, 1), known)
  })
})

describe("the name of an aggregate", () => {
  const named = (name: string) =>
    Aggregate.make(name, { id: Schema.String, state: Litres, initial: { litres: 0 }, events: [], commands: [] })

  it.each(["", "Order-line", "Order_line", "order line", "1Order", "Größe", "Order\n"])("is not %j", (name) => {
    assert.throws(() => named(name), Aggregate.InvalidAggregate, "is no name")
  })

  it("is the first part of its streams", () => {
    assert.strictEqual(named("OrderLine2").streamId("7"), "orderLine2-7")
  })
})
