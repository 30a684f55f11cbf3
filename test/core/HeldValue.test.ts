/** What memory may hold, and the one way to it: values as they read from their text. */
import { Either, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as HeldValue from "../../src/core/HeldValue.ts"
import * as TextCodec from "../../src/core/TextCodec.ts"

class Point extends Schema.Class<Point>("Point")({ x: Schema.Number }) {}

describe("HeldValue", () => {
  it("has no undefined keys, no -0 and no object without a prototype, at any depth, and shares what it need not change", () => {
    const kept = { list: [1, { a: 1 }] }
    const value = { kept, gone: undefined, n: -0, deep: [{ gone: undefined, n: [-0] }], bare: Object.create(null) }
    const held = HeldValue.hold(value)
    assert.isUndefined(HeldValue.difference(held, { kept, n: 0, deep: [{ n: [0] }], bare: {} }))
    assert.strictEqual(held.kept, kept)
    assert.strictEqual(HeldValue.hold(kept), kept)
    assert.isTrue("gone" in value, "what was given is left alone")
  })

  it("looks where the schema may hold such a thing, and nowhere where it cannot", () => {
    const schema = Schema.Struct({ name: Schema.String, n: Schema.Number, maybe: Schema.optional(Schema.String) })
    const hold = HeldValue.holder(schema as never) as (value: object) => object
    assert.isUndefined(HeldValue.difference(hold({ name: "a", n: -0, maybe: undefined }), { name: "a", n: 0 }))
    const texts = HeldValue.holder(Schema.Struct({ name: Schema.String }) as never) as (value: object) => object
    const given = { name: "a" }
    assert.strictEqual(texts(given), given)
  })

  it("tells the first place where two values differ, and a key that is undefined from one that is not there", () => {
    for (const [left, right, path] of [
      [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }, "a.0.b"],
      [{ a: undefined }, {}, "a"],
      [{ a: 0 }, { a: -0 }, "a"],
      [[1], [1, 2], "1"],
      [new Array(1), [undefined], "0"],
      [Object.create(null), {}, "the whole value"],
      [{ at: new Date(1) }, { at: new Date(2) }, "at"],
      [new Point({ x: 1 }), { x: 1 }, "the whole value"],
      [[], {}, "the whole value"],
      [new Point({ x: 0 }), new Point({ x: -0 }), "the whole value"]
    ] as const) {
      assert.strictEqual(HeldValue.difference(left, right), path)
    }
    for (const value of [Number.NaN, { a: [new Date(1), 1n] }, [new Point({ x: 1 })], undefined]) {
      assert.isUndefined(HeldValue.difference(value, value instanceof Object ? structuredCopy(value) : value))
    }
  })

  it("freezes what is plain, not what somebody else holds of a copy, and says what else may change", () => {
    const given = { list: [{ a: 1 }], at: new Date(0) }
    const frozen = HeldValue.freeze(HeldValue.copy(given))
    assert.throws(() => {
      ;(frozen.list[0] as { a: number }).a = 2
    }, TypeError)
    assert.isFalse(Object.isFrozen(given.list))
    assert.isFalse(HeldValue.isPlain(frozen))
    assert.isTrue(HeldValue.isPlain(frozen.list))
    const Plain = Schema.Struct({ a: Schema.Array(Schema.NullOr(Schema.BigInt)) })
    assert.isFalse(HeldValue.mayChange(Plain as never))
    for (const of of [
      Schema.Date,
      Point,
      Schema.Unknown,
      Schema.Option(Schema.String)
    ] as ReadonlyArray<Schema.Schema.All>) {
      assert.isTrue(HeldValue.mayChange(Schema.Struct({ list: Schema.Array(of as never) }) as never))
    }
  })
})

/** Another value that is the same, instances of classes too. */
const structuredCopy = (value: object): unknown =>
  Array.isArray(value) ? value.map((of) => (of instanceof Point ? new Point(of) : of)) : structuredClone(value)

describe("TextCodec", () => {
  const codec = TextCodec.make(
    Schema.Struct({ at: Schema.Date, n: Schema.Number, any: Schema.optional(Schema.Unknown) }),
    { refuseExcess: true }
  )
  const written = (value: unknown) => codec.write(value)

  it("gives what it wrote as every reader finds it, and nobody else's", () => {
    const given = { at: new Date(1), n: -0, any: { a: undefined, list: [1] } }
    const { asRead, text } = Either.getOrThrow(written(given))
    assert.strictEqual(text, '{"at":"1970-01-01T00:00:00.001Z","n":0,"any":{"list":[1]}}')
    assert.isUndefined(HeldValue.difference(asRead, { at: new Date(1), n: 0, any: { list: [1] } }))
    assert.isUndefined(HeldValue.difference(Either.getOrThrow(codec.read(JSON.parse(text))), asRead))
    given.any.list.push(2)
    assert.deepStrictEqual(asRead.any, { list: [1] })
  })

  it("refuses what would not come back, with its field", () => {
    const at = new Date(0)
    for (const [value, path] of [
      [{ at, n: Number.NaN }, "n"],
      [{ at, n: 1, any: [undefined] }, "any.0"],
      [{ at, n: 1, any: { at } }, "any.at"],
      [{ at, n: 1, more: 1 }, "more"],
      [{ at: "today", n: 1 }, "at"],
      [undefined, ""]
    ] as const) {
      const found = written(value)
      assert.isTrue(Either.isLeft(found), path)
      if (Either.isLeft(found)) assert.strictEqual(found.left.path, path)
    }
  })

  it("has the empty text for no value, and says what is no JSON without quoting it", () => {
    const nothing = TextCodec.make(Schema.Void)
    assert.deepInclude(Either.getOrThrow(nothing.write(undefined)), { text: "", asRead: undefined })
    assert.deepStrictEqual(TextCodec.parse(""), Either.right(undefined))
    assert.deepStrictEqual(TextCodec.parse("s3cret"), Either.left({ path: "", reason: "the stored text is not JSON" }))
  })

  it("takes a schema that throws for one that does not fit", () => {
    const Broken = Schema.transform(Schema.String, Schema.String, {
      strict: true,
      decode: () => {
        throw new RangeError("s3cret")
      },
      encode: (text) => text
    })
    assert.deepStrictEqual(
      TextCodec.make(Broken).read("a"),
      Either.left({ path: "", reason: "its schema threw RangeError" })
    )
  })
})
