/** A compiled schema gives what the schema gives, for what fits and for what does not. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Either, FastCheck, Schema } from "effect"
import * as AccountEvents from "../../src/bank/account/AccountEvents.ts"
import { AccountId } from "../../src/bank/account/AccountSchemas.ts"
import * as CompiledSchema from "../../src/core/CompiledSchema.ts"
import * as Random from "../Random.ts"

const Person = Schema.Struct({
  name: Schema.NonEmptyTrimmedString,
  age: Schema.optional(Schema.Int.pipe(Schema.between(0, 150))),
  note: Schema.optionalWith(Schema.String, { default: () => "" })
})

const schemas: Record<string, Schema.Schema.AnyNoContext> = {
  text: Schema.String,
  number: Schema.Number,
  finite: Schema.Finite,
  boolean: Schema.Boolean,
  bigint: Schema.BigInt,
  literals: Schema.Literal("a", 1, true, null, 7n),
  zero: Schema.Struct({ a: Schema.Literal(0, 1), b: Schema.optional(Schema.Number) }),
  nullable: Schema.NullOr(Schema.BigInt),
  refined: Schema.String.pipe(Schema.pattern(/^[a-c]*$/), Schema.brand("Abc")),
  "refined after a transformation": Schema.NumberFromString.pipe(Schema.int(), Schema.positive()),
  struct: Person,
  "struct of undefined": Schema.Struct({
    maybe: Schema.UndefinedOr(Schema.String),
    optional: Schema.optional(Schema.Null)
  }),
  "exact optional": Schema.Struct({ value: Schema.optionalWith(Schema.BigInt, { exact: true }) }),
  "empty struct": Schema.Struct({}),
  "struct that is strict": Schema.Struct({ a: Schema.String }).annotations({
    parseOptions: { onExcessProperty: "error" }
  }),
  "renamed key": Schema.Struct({ to: Schema.propertySignature(Schema.Int).pipe(Schema.fromKey("from")) }),
  list: Schema.Array(Person),
  pair: Schema.Tuple(Schema.String, Schema.optionalElement(Schema.BigInt)),
  record: Schema.Record({ key: Schema.String, value: Schema.Int }),
  "union of structs": Schema.Union(
    Schema.TaggedStruct("A", { a: Schema.BigInt }),
    Schema.TaggedStruct("B", { b: Schema.String })
  ),
  "union of scalars": Schema.Union(Schema.Int, Schema.String.pipe(Schema.minLength(2)), Schema.Undefined),
  class: class Point extends Schema.Class<Point>("Point")({ x: Schema.Int, y: Schema.BigInt }) {},
  date: Schema.Date,
  "with a fallback": Schema.Struct({ a: Schema.Int.annotations({ decodingFallback: () => Either.right(0) }) }),
  "account id": AccountId,
  ...Object.fromEntries(AccountEvents.events.map((event) => [event.tag, event.schema as Schema.Schema.AnyNoContext]))
}

/** Values that are of no schema in particular. */
const anything = FastCheck.oneof(
  FastCheck.anything({ withBigInt: true, withNullPrototype: true }),
  FastCheck.constantFrom(
    "",
    "a",
    "-1",
    "007",
    "1.5",
    0,
    -0,
    1.5,
    Number.NaN,
    1n,
    null,
    undefined,
    [],
    {},
    { a: 1 },
    "__proto__"
  )
)

const changed = (value: unknown, key: string, other: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value, [key]: other } : other

describe("CompiledSchema", () => {
  const next = Random.random("CompiledSchema")
  const seed = Math.floor(next() * 2 ** 31)
  for (const [name, schema] of Object.entries(schemas)) {
    const typed = Arbitrary.make(Schema.typeSchema(schema))
    const encoded = typed
      .map((value) => Schema.encodeUnknownEither(schema)(value))
      .filter(Either.isRight)
      .map(({ right }) => right)
    const keys = FastCheck.constantFrom(
      ...Object.keys((schema as { fields?: object }).fields ?? { a: 1 }),
      "other",
      "__proto__"
    )
    const runs = { seed, numRuns: 200 }
    const examine = (fits: FastCheck.Arbitrary<unknown>, agrees: (value: unknown) => void) => {
      FastCheck.assert(FastCheck.property(fits, agrees), runs)
      FastCheck.assert(FastCheck.property(anything, agrees), runs)
      FastCheck.assert(
        FastCheck.property(fits, keys, anything, (value, key, other) => agrees(changed(value, key, other))),
        runs
      )
    }
    // Stored bytes follow the order of the keys, which equality does not see.
    const order = (of: unknown) => (typeof of === "object" && of !== null ? Reflect.ownKeys(of) : [])

    it(`decodes ${name} as the schema does`, () => {
      const compiled = CompiledSchema.decodeUnknownEither(schema)
      const own = Schema.decodeUnknownEither(schema)
      examine(encoded, (value) => {
        const [found, expected] = [compiled(value), own(value)]
        assert.deepStrictEqual(found, expected)
        if (Either.isRight(found) && Either.isRight(expected)) {
          assert.deepStrictEqual(order(found.right), order(expected.right))
        }
      })
    })

    for (const refuseExcess of [false, true]) {
      it(`encodes ${name} as the schema does, to what JSON gives back${refuseExcess ? ", excess refused" : ""}`, () => {
        const { isExact, isJson, quick } = CompiledSchema.encoder(schema, { refuseExcess })
        const own = Schema.encodeUnknownEither(schema, { onExcessProperty: refuseExcess ? "error" : "ignore" })
        const decode = Schema.decodeUnknownEither(schema)
        examine(typed, (value) => {
          const found = quick(value)
          if (found === CompiledSchema.unfit) return
          const expected = Either.getOrThrow(own(value))
          if (!isJson || found === undefined) return
          const text = JSON.stringify(expected)
          assert.strictEqual(JSON.stringify(found), text)
          assert.deepStrictEqual(found, JSON.parse(text))
          if (isExact) assert.deepStrictEqual(decode(JSON.parse(text)), Either.right(found))
        })
      })
    }
  }
})
