/** Schemas by chance with values for them, most of which fit: what a user may declare, and what his code may put in. */
import { FastCheck, Option, Schema } from "effect"

/** A schema with values for it. `label` is as the schema would be written, for the report of a failure. */
export interface Kind {
  readonly label: string
  readonly schema: Schema.Schema.AnyNoContext
  readonly values: FastCheck.Arbitrary<unknown>
}

/** A field of a struct. A value that is `absent` is not there. */
export interface Field extends Omit<Kind, "schema"> {
  readonly field: Schema.Struct.Field
}
export const absent = Symbol("absent")

const { constantFrom, oneof } = FastCheck

class Colour {
  readonly name = "red"
}
const hole = [1, 2]
delete hole[0]

/** What code may give where a schema says nothing, or something else. */
export const stray: FastCheck.Arbitrary<unknown> = oneof(
  FastCheck.anything({ withBigInt: true, withDate: true, withNullPrototype: true, maxDepth: 3 }),
  FastCheck.jsonValue(),
  constantFrom<unknown>(
    undefined,
    -0,
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    1n,
    new Date(0),
    new Colour(),
    hole,
    [undefined],
    { a: undefined },
    { a: [{ b: undefined, c: -0 }] },
    () => 1,
    Symbol("s"),
    new Map([["a", 1]]),
    "\ud800",
    JSON.parse('{"__proto__":{"a":1}}')
  )
)

const kind = (label: string, schema: Schema.Schema.Any, values: FastCheck.Arbitrary<unknown>): Kind => ({
  label,
  schema: schema as Schema.Schema.AnyNoContext,
  // Now and then something that does not fit.
  values: oneof({ arbitrary: values, weight: 60 }, { arbitrary: stray, weight: 1 })
})

const numbers = oneof(FastCheck.double(), constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e21, 5e-324))
const finite = oneof(FastCheck.double({ noNaN: true, noDefaultInfinity: true }), constantFrom(0, -0))
const dates = FastCheck.integer({ min: 0, max: 4e12 }).map((at) => new Date(at))

/** Loses what is behind the point, and the spaces around a text. */
const Floor = Schema.transform(Schema.Number, Schema.Number, { strict: true, decode: (n) => n, encode: Math.floor })
const Halves = Schema.transform(Schema.Number, Schema.Number, {
  strict: true,
  decode: (n) => n / 2,
  encode: (n) => Math.round(n * 2)
})
/** Has a value of its own for the text that stands for none. */
const EmptyIsUndefined = Schema.transform(Schema.String, Schema.UndefinedOr(Schema.String), {
  strict: true,
  decode: (text) => (text === "" ? undefined : text),
  encode: (text) => text ?? ""
})
class Pin extends Schema.Class<Pin>("Pin")({
  at: Schema.Number,
  note: Schema.optional(Schema.Unknown),
  weight: Schema.optionalWith(Schema.Int, { default: () => 1 })
}) {}
const Size = { small: 0, large: "l" } as const

const leaves: ReadonlyArray<Kind> = [
  kind("String", Schema.String, oneof(FastCheck.string(), constantFrom("", " a ", "\ud800", "__proto__"))),
  kind("Number", Schema.Number, numbers),
  kind("Finite", Schema.Finite, finite),
  kind("Int", Schema.Int, oneof(FastCheck.integer(), constantFrom(-0))),
  kind("Boolean", Schema.Boolean, FastCheck.boolean()),
  kind("Null", Schema.Null, constantFrom(null)),
  kind("Undefined", Schema.Undefined, constantFrom(undefined)),
  kind("Literal", Schema.Literal("a", 0, 1, null, true), constantFrom("a", 0, -0, 1, null, true)),
  kind("Enums", Schema.Enums(Size), constantFrom(Size.small, Size.large)),
  kind("BigInt", Schema.BigInt, FastCheck.bigInt()),
  kind("Date", Schema.Date, oneof(dates, constantFrom(new Date(Number.NaN)))),
  kind("DateFromNumber", Schema.DateFromNumber, dates),
  kind("Unknown", Schema.Unknown, stray),
  kind("Unknown", Schema.Unknown, FastCheck.jsonValue()),
  kind("Object", Schema.Object, FastCheck.object()),
  kind("Void", Schema.Void, constantFrom(undefined)),
  kind("Floor", Floor, finite),
  kind("Halves", Halves, FastCheck.integer({ min: -1e6, max: 1e6 })),
  kind("Trim", Schema.Trim, FastCheck.string()),
  kind("EmptyIsUndefined", EmptyIsUndefined, constantFrom("", "a", undefined)),
  kind("NumberFromString", Schema.NumberFromString, oneof(finite, constantFrom(Number.NaN))),
  kind("brand", Schema.Int.pipe(Schema.positive(), Schema.brand("Positive")), FastCheck.integer({ min: 1 })),
  kind(
    "BigDecimal",
    Schema.BigDecimal,
    constantFrom("1.50", "0", "-3").map((text) => Schema.decodeSync(Schema.BigDecimal)(text))
  ),
  kind(
    "Pin",
    Pin,
    FastCheck.record({ at: finite, note: FastCheck.jsonValue() }).map((of) => new Pin(of))
  ),
  kind("Pin", Pin, constantFrom(new Pin({ at: -0, note: { a: undefined } }), new Pin({ at: 1, note: undefined })))
]

/** What no text holds. */
const unholdable: ReadonlyArray<Kind> = [
  kind("BigIntFromSelf", Schema.BigIntFromSelf, FastCheck.bigInt()),
  kind("DateFromSelf", Schema.DateFromSelf, dates)
]
const leaf = oneof(
  { arbitrary: constantFrom(...leaves), weight: 60 },
  { arbitrary: constantFrom(...unholdable), weight: 1 }
)

const inner = (depth: number): FastCheck.Arbitrary<Kind> =>
  depth === 0 ? leaf : oneof({ arbitrary: leaf, weight: 2 }, nested(depth - 1))

const nested = (depth: number): FastCheck.Arbitrary<Kind> =>
  oneof(
    inner(depth).map(({ label, schema, values }) =>
      kind(`UndefinedOr(${label})`, Schema.UndefinedOr(schema), oneof(values, constantFrom(undefined)))
    ),
    inner(depth).map(({ label, schema, values }) =>
      kind(`NullOr(${label})`, Schema.NullOr(schema), oneof(values, constantFrom(null)))
    ),
    inner(depth).map(({ label, schema, values }) =>
      kind(`Array(${label})`, Schema.Array(schema), FastCheck.array(values, { maxLength: 3 }))
    ),
    inner(depth).map(({ label, schema, values }) =>
      kind(`Option(${label})`, Schema.Option(schema), FastCheck.option(values).map(Option.fromNullable))
    ),
    inner(depth).map(({ label, schema, values }) =>
      kind(
        `Record(${label})`,
        Schema.Record({ key: Schema.String, value: schema }),
        FastCheck.dictionary(oneof(FastCheck.string(), constantFrom("a", "__proto__", "constructor")), values)
      )
    ),
    FastCheck.tuple(inner(depth), inner(depth)).map(([left, right]) =>
      kind(
        `Tuple(${left.label}, optional ${right.label})`,
        Schema.Tuple(left.schema, Schema.optionalElement(right.schema)),
        oneof(FastCheck.tuple(left.values), FastCheck.tuple(left.values, right.values))
      )
    ),
    FastCheck.tuple(struct(depth), struct(depth)).map(([left, right]) => {
      const Left = Schema.Struct({ _tag: Schema.Literal("L"), ...left.fields })
      const Right = Schema.Struct({ _tag: Schema.Literal("R"), ...right.fields })
      const tagged = (tag: string, values: FastCheck.Arbitrary<object>) => values.map((of) => ({ _tag: tag, ...of }))
      return kind(
        `Union(${left.label}, ${right.label})`,
        Schema.Union(Left, Right),
        oneof(tagged("L", left.values), tagged("R", right.values))
      )
    }),
    struct(depth).map(({ fields, label, values }) => kind(label, Schema.Struct(fields), values)),
    struct(depth).map(({ fields, label, values }) =>
      kind(`filtered ${label}`, Schema.Struct(fields).pipe(Schema.filter(() => true)), values)
    ),
    struct(depth).map(({ fields, label, values }) => {
      class Chance extends Schema.Class<Chance>("Chance")(fields) {}
      const make = (of: object) => {
        const Make = Chance as unknown as new (of: object, options: object) => object
        return new Make(of, { disableValidation: true })
      }
      return kind(`Class(${label})`, Chance, values.map(make))
    })
  )

/** A field as users write them. */
const field = (depth: number): FastCheck.Arbitrary<Field> =>
  FastCheck.tuple(
    inner(depth),
    constantFrom("plain", "plain", "optional", "exact", "default", "nullable", "nullable default", "option", "renamed")
  ).map(([{ label, schema, values }, how]): Field => {
    const maybe = oneof(values, constantFrom(undefined, absent))
    const of = Schema.asSchema(schema)
    switch (how) {
      case "optional":
        return { label: `${label}?`, field: Schema.optional(of), values: maybe }
      case "exact":
        return {
          label: `${label}? exact`,
          field: Schema.optionalWith(of, { exact: true }),
          values: oneof(values, constantFrom(absent))
        }
      case "default":
        return {
          label: `${label} = 7`,
          field: Schema.optionalWith(of, { default: () => 7 }),
          values: oneof(values, constantFrom(7))
        }
      case "nullable":
        return { label: `${label}? nullable`, field: Schema.optionalWith(of, { nullable: true }), values: maybe }
      case "nullable default":
        return {
          label: `${label} = -0 nullable`,
          field: Schema.optionalWith(of, { nullable: true, default: () => -0 }),
          values: oneof(values, constantFrom(-0))
        }
      case "option":
        return {
          label: `${label}? as Option`,
          field: Schema.optionalWith(of, { as: "Option" }),
          values: FastCheck.option(values).map(Option.fromNullable)
        }
      case "renamed":
        return {
          label: `${label} fromKey`,
          field: Schema.propertySignature(of).pipe(Schema.fromKey("stored")),
          values
        }
      default:
        return { label, field: of, values }
    }
  })

export interface Fields {
  readonly label: string
  readonly fields: Record<string, Schema.Struct.Field>
  readonly values: FastCheck.Arbitrary<Record<string, unknown>>
}

/** The fields of a struct, at most one of them renamed, since they all have the one former name. */
export const struct = (depth: number): FastCheck.Arbitrary<Fields> =>
  FastCheck.array(field(depth), { minLength: 1, maxLength: 4 }).map((chosen) => {
    const fields = chosen.filter(
      ({ label }, index) =>
        !label.endsWith("fromKey") || chosen.findIndex((other) => other.label.endsWith("fromKey")) === index
    )
    const names = fields.map((_, index) => "abcd".charAt(index))
    return {
      label: `{ ${fields.map(({ label }, index) => `${names[index]}: ${label}`).join(", ")} }`,
      fields: Object.fromEntries(fields.map(({ field }, index) => [names[index], field])),
      values: FastCheck.tuple(...fields.map(({ values }) => values)).map((values) =>
        Object.fromEntries(values.flatMap((value, index) => (value === absent ? [] : [[names[index], value]])))
      )
    }
  })
