/** What an operator reads of a failure: everything that was said, whatever said it, once. */
import { SqlError } from "@effect/sql/SqlError"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Schema } from "effect"
import * as FaultLog from "../../src/core/FaultLog.ts"
import * as Reason from "../../src/core/Reason.ts"

class Rejected extends Data.TaggedError("Rejected")<{ readonly sku: string; readonly count: bigint }> {}
class Wrapped extends Schema.TaggedError<Wrapped>()("Wrapped", { where: Schema.String, cause: Schema.Defect }) {
  override get message() {
    return `it failed in ${this.where}`
  }
}
/** As the driver of PostgreSQL gives it. */
const refused = Object.assign(new Error('invalid input syntax for type bigint: "Ada"'), {
  name: "error",
  severity: "ERROR",
  code: "22P02",
  detail: "the row of Ada",
  table: "orders_v1_g1",
  file: "numutils.c",
  routine: "pg_strtoint64"
})

describe("Reason.describe", () => {
  it("tells the error and all that caused it, each once", () => {
    const error = new Error("outer", {
      cause: new SqlError({ message: "Failed to execute statement", cause: refused })
    })
    const text = Reason.describe(error)
    for (const part of ["outer", "Failed to execute", refused.message, "22P02", refused.detail, "orders_v1_g1"]) {
      assert.strictEqual(text.split(part).length, 2, `${part} in ${text}`)
    }
    assert.notInclude(text, "numutils.c")
    const repeated = new Error("no such table: t", { cause: new Error("no such table: t") })
    assert.strictEqual(Reason.describe(repeated), "no such table: t")
  })

  it("tells the tag and the fields of an error whose message says nothing, and the message of one that makes its own", () => {
    assert.strictEqual(Reason.describe(new Rejected({ sku: "b-7", count: 3n })), "Rejected (sku: b-7; count: 3)")
    assert.strictEqual(Reason.describe({ _tag: "Gone", at: 4 }), "Gone (at: 4)")
    const wrapped = new Wrapped({ where: "step 2", cause: new Rejected({ sku: "b-7", count: 3n }) })
    assert.strictEqual(
      Reason.describe(wrapped),
      "Wrapped: it failed in step 2; because of Rejected (sku: b-7; count: 3)"
    )
    assert.strictEqual(Reason.describe("just text"), "just text")
    assert.strictEqual(Reason.describe(undefined), "undefined")
  })

  it("ends, whatever it is given", () => {
    const circle: { _tag: string; cause?: unknown; self?: unknown } = { _tag: "Circle" }
    circle.cause = circle
    circle.self = circle
    assert.include(Reason.describe(circle), "Circle")
    let deep = new Error("the first")
    for (let depth = 0; depth < 10_000; depth++) deep = new Error("one more", { cause: deep })
    assert.isAtMost(Reason.describe(deep).length, 4_000)
    assert.isAtMost(Reason.describe(new Error("x".repeat(1_000_000))).length, 4_000)
    const several = new AggregateError([new Error("left"), new Error("right")], "both failed")
    assert.strictEqual(Reason.describe(several), "AggregateError: both failed; because of left; because of right")
    const cause = Cause.parallel(Cause.fail(new Error("left")), Cause.die(new Error("right")))
    assert.strictEqual(Reason.describe(cause), "left; because of right")
  })
})

describe("FaultLog.describe", () => {
  it("tells the same errors by kind, and nothing of what they say", () => {
    const error = new Error("of Ada", { cause: new SqlError({ message: "of Ada", cause: refused }) })
    const text =
      FaultLog.describe(Cause.fail(new Rejected({ sku: "Ada", count: 3n }))) + FaultLog.describe(Cause.fail(error))
    assert.notInclude(text, "Ada")
    for (const part of ["Rejected", "SqlError", "code 22P02, table orders_v1_g1", "Reason.test.ts"]) {
      assert.include(text, part)
    }
    const circle = new Error("of Ada")
    circle.cause = circle
    assert.include(FaultLog.describe(Cause.fail(circle)), "Error")
  })
})
