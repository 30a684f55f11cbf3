/** Versions of a stored form: of schemas, of unions, of classes. */
import { Rpc } from "@effect/rpc"
import { Either, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as StoredForm from "../../src/core/StoredForm.ts"

const Receipt = StoredForm.make({ litres: Schema.Number })
  .next({ litres: Schema.NumberFromString }, ({ litres }) => ({ litres: String(litres) }))
  .next({ litres: Schema.NumberFromString, unit: Schema.String }, (v2) => ({ ...v2, unit: "l" }))
class Old extends Schema.TaggedError<Old>("Old")("Full", { by: Schema.Int }) {}
class Full extends Schema.TaggedError<Full>("New")("Full", { by: Schema.Int, limit: Schema.Int }) {}
class Other extends Schema.TaggedError<Other>()("Other", {}) {}

const upcast = (schema: Schema.Schema.AnyNoContext, form: unknown, from: number) =>
  StoredForm.upcaster(StoredForm.historyOf(schema)).upcast(form, from, [])

describe("StoredForm", () => {
  it("is the schema of its last version, and knows those before", () => {
    assert.deepStrictEqual(Schema.decodeUnknownSync(Receipt)({ litres: "2.5", unit: "l" }), { litres: 2.5, unit: "l" })
    assert.deepStrictEqual(Receipt.make({ litres: 1, unit: "l" }), { litres: 1, unit: "l" })
    assert.strictEqual(StoredForm.historyOf(Receipt).forms.length, 3)
    assert.strictEqual(StoredForm.historyOf(Schema.String).forms.length, 1)
  })

  it("leads the stored form of each version to the last, and leaves that one alone", () => {
    assert.deepStrictEqual(upcast(Receipt, { litres: 2.5 }, 1), Either.right({ litres: "2.5", unit: "l" }))
    assert.deepStrictEqual(upcast(Receipt, { litres: "2.5" }, 2), Either.right({ litres: "2.5", unit: "l" }))
    assert.deepStrictEqual(
      upcast(Receipt, { litres: "2.5", unit: "hl" }, 3),
      Either.right({ litres: "2.5", unit: "hl" })
    )
  })

  it("checks what was stored before an upcaster sees it, and names the field", () => {
    for (const [form, path] of [
      [{ litres: "2.5" }, "litres"],
      [{}, "litres"],
      [null, ""],
      [undefined, ""]
    ] as const) {
      const found = upcast(Receipt, form, 1)
      assert.isTrue(Either.isLeft(found), JSON.stringify(form))
      if (Either.isLeft(found)) assert.strictEqual(found.left.path, path)
    }
  })

  it("reports an upcaster that throws, without what it quotes", () => {
    const Broken = StoredForm.make({ secret: Schema.String }).next({ n: Schema.Int }, ({ secret }) => {
      throw new TypeError(secret)
    })
    assert.deepStrictEqual(
      upcast(Broken, { secret: "s3cret" }, 1),
      Either.left({ path: "", reason: "the upcaster from version 1 to 2 threw TypeError" })
    )
  })

  it("keeps the versions of a class and of each member of a union", () => {
    const Kept = StoredForm.make(Old).next(Full, (v1) => ({ ...v1, limit: 7 }))
    const members = StoredForm.membersOf(Schema.Union(Kept, Schema.Union(Other, Schema.String)))
    assert.deepStrictEqual(
      members.map((member) => StoredForm.historyOf(member).forms.length),
      [2, 1, 1]
    )
    const [kept] = members
    if (kept === undefined) throw new Error("no member")
    assert.deepStrictEqual(upcast(kept, { _tag: "Full", by: 1 }, 1), Either.right({ _tag: "Full", by: 1, limit: 7 }))
    const read = Schema.decodeUnknownSync(Kept)({ _tag: "Full", by: 1, limit: 7 })
    assert.instanceOf(read, Full)
    assert.deepStrictEqual(StoredForm.membersOf(Schema.Never as never), [])
  })

  it("identifies a field by what its schema says is the same, at any depth", () => {
    const Amount = Schema.String.pipe(StoredForm.identifiedBy((text) => text.replace(/\.?0+$/, "")))
    const Payload = Schema.Struct({
      amount: Amount,
      maybe: Schema.optional(Amount),
      renamed: Schema.propertySignature(Amount).pipe(Schema.fromKey("stored")),
      lines: Schema.Array(Schema.Struct({ amount: Amount, other: Schema.String }))
    })
    const line = { amount: "3.00", other: "3.00" }
    assert.deepStrictEqual(StoredForm.identityOf(Payload)?.({ amount: "1.50", stored: "2.0", lines: [line] }), {
      amount: "1.5",
      stored: "2",
      lines: [{ amount: "3", other: "3.00" }]
    })
  })

  it("has versions as a whole: within another schema they are refused when the aggregate is declared", () => {
    const declare = (rpc: Rpc.Any, events: ReadonlyArray<Event.Any> = []) =>
      Aggregate.make("Tank", { id: Schema.String, state: Schema.Int, initial: 0, events, commands: [rpc as never] })
    const Once = StoredForm.make({ litres: Schema.Number })
    declare(Rpc.make("Fill", { payload: Receipt, success: Receipt, error: StoredForm.make(Old) }))
    declare(Rpc.make("Fill", { payload: { one: Once }, success: Schema.Array(Once) }))
    const nested = {
      "the payload of Tank.Fill": Rpc.make("Fill", { payload: { receipt: Receipt } }),
      "the success of Tank.Fill": Rpc.make("Fill", { success: Schema.NullOr(Receipt) }),
      "the success of Tank.Fill stands": Rpc.make("Fill", { success: Receipt.pipe(Schema.filter(() => true)) }),
      "the error of Tank.Fill": Rpc.make("Fill", { error: Schema.Struct({ receipt: Schema.Array(Receipt) }) })
    }
    for (const [says, rpc] of Object.entries(nested)) assert.throws(() => declare(rpc), says)
    const Filled = Event.make("Filled", { receipt: Schema.optional(Receipt) })
    assert.throws(() => declare(Rpc.make("Fill"), [Filled]), "a field of the event Filled has versions of its own")
  })
})
