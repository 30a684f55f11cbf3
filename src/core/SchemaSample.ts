/**
 * `SchemaSample` makes a few values in the stored form of a schema, the same ones each time: the least one, a whole
 * one, each member of a union, lists of none, one and two, numbers and texts at their bounds.
 *
 * Each of them decodes. It tries a bounded number of candidates and keeps those, so that a schema that takes none of
 * them gets no samples rather than an endless search; its `examples` annotation gives it some.
 */
import { Either, FastCheck, Option, Schema, SchemaAST } from "effect"
import * as Json from "./Json.ts"
import * as ValueForm from "./ValueForm.ts"

type Samples = ReadonlyArray<unknown>
type Condition = Readonly<Record<string, unknown>>

/** Samples of one schema. A lock is read by people. */
const most = 6
/** For a text without conditions two are enough. */
const mostTexts = 2
/** How often a schema that contains itself is gone into. */
const maxSuspended = 3
/** Longest text or list that is made to meet a bound. */
const maxLength = 64
const seed = 1

/** What schemas usually make of texts: numbers, dates, ids, codes, bytes, JSON. */
const texts: Samples = [
  ..."a|EUR|1|0|-1|12.50|2024-02-29|2024-02-29T12:30:00.000Z|true|false|{}|[]|null".split("|"),
  ..."00ff|AAEC|https://example.org/|12:30|P1D|Europe/Berlin|2024-02-29T12:30:00.000+01:00[Europe/Berlin]".split("|"),
  "5f0c6f3e-1c1a-4c0e-8b57-0a4d6b6a2f11",
  "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "a@example.org",
  ""
]
const numbers: Samples = [1, 0, -1, 2.5, 100, 1_709_209_800_000]
const bigints: Samples = [1n, 0n, -1n, 1_250n]
const dates: Samples = ["2024-02-29T12:30:00.000Z", "1970-01-01T00:00:00.000Z"].map((text) => new Date(text))

const attempt = <A>(run: () => Either.Either<A, unknown>): Option.Option<A> => {
  try {
    return Either.getRight(run())
  } catch {
    // A schema that throws takes no such value.
    return Option.none()
  }
}

const distinct = (values: Samples): Samples => [
  ...new Map(values.map((value) => [JSON.stringify(ValueForm.of(value)), value])).values()
]

const matching = (pattern: string): Samples => {
  try {
    return FastCheck.sample(FastCheck.stringMatching(new RegExp(pattern)), { numRuns: most, seed })
  } catch {
    // Look-aheads and the like cannot be made, only tried.
    return []
  }
}

/** What a condition says of itself in terms of JSON Schema. */
const conditionsOf = (ast: SchemaAST.AST): ReadonlyArray<Condition> => [
  ...Option.match(SchemaAST.getJSONSchemaAnnotation(ast), {
    onNone: () => [],
    onSome: (condition) => [condition as Condition]
  }),
  ...(SchemaAST.isRefinement(ast) ? conditionsOf(ast.from) : [])
]

const boundsOf =
  (condition: Condition) =>
  (key: string): ReadonlyArray<number> => {
    const value = condition[key]
    return typeof value === "number" ? [value] : []
  }

/** Numbers and lists at the edges of a condition, some of them just outside. */
const edges = (condition: Condition, inner: Samples): Samples => {
  const numberOf = boundsOf(condition)
  const [item] = inner.flatMap((list) => (Array.isArray(list) && list.length === 1 ? list : []))
  const items = ["minItems", "maxItems"].flatMap(numberOf).map((length) => Math.min(length, maxLength))
  return [
    ...["minimum", "maximum", "multipleOf"].flatMap(numberOf),
    ...numberOf("exclusiveMinimum").flatMap((bound) => [bound + 1, bound + 0.5]),
    ...numberOf("exclusiveMaximum").flatMap((bound) => [bound - 1, bound - 0.5]),
    ...(item === undefined ? [] : items.map((length) => Array.from({ length }, () => item)))
  ]
}

/** Texts that meet a condition. */
const fitting = (condition: Condition): Samples => [
  ...(typeof condition.pattern === "string" ? matching(condition.pattern) : []),
  ...["minLength", "maxLength"]
    .flatMap(boundsOf(condition))
    .map((length) => Math.min(length, maxLength))
    .flatMap((length) => ["a".repeat(length), "1".repeat(length)])
]

/** The stored forms of these values. */
const encoded = (ast: SchemaAST.AST, values: Samples): Samples => {
  const encode = Schema.encodeUnknownEither(Schema.make(ast))
  return values.flatMap((value) => Option.toArray(attempt(() => encode(value))))
}

/** Made from what the schema decodes to, where a stored form is hard to guess. */
const fromDecoded = (ast: SchemaAST.AST, suspended: number): Samples => {
  const decoded = SchemaAST.typeAST(ast)
  return decoded === ast ? [] : encoded(ast, samples(decoded, suspended))
}

const few = (ast: SchemaAST.AST, suspended: number): Samples =>
  samples(ast, suspended).slice(0, SchemaAST.isStringKeyword(ast) ? mostTexts : most)

const struct = ({ indexSignatures, propertySignatures }: SchemaAST.TypeLiteral, suspended: number): Samples => {
  const fields = propertySignatures.map(({ isOptional, name, type }) => ({
    name: String(name),
    isOptional,
    values: few(type, suspended)
  }))
  if (fields.some(({ isOptional, values }) => !isOptional && values.length === 0)) return []
  const record = indexSignatures.flatMap(({ parameter, type }) => {
    const values = few(type, suspended)
    const keys = values.length === 0 ? [] : few(parameter, suspended).slice(0, 2)
    return keys.map((key, index) => [String(key), values[index % values.length]] as const)
  })
  const whole = (row: number) =>
    Object.fromEntries([
      ...record,
      ...fields.flatMap(({ name, values }) => {
        const value = values[row % values.length]
        return value === undefined ? [] : [[name, value] as const]
      })
    ])
  const least = Object.fromEntries(
    fields.flatMap(({ isOptional, name, values: [first] }) =>
      isOptional || first === undefined ? [] : [[name, first]]
    )
  )
  const rows = Math.max(1, ...fields.map(({ values }) => values.length))
  return [least, ...Array.from({ length: rows }, (_, row) => whole(row))]
}

const list = ({ elements, rest }: SchemaAST.TupleType, suspended: number): Samples => {
  const first = elements.map(({ type }) => few(type, suspended)[0])
  const [one, two = one] = rest[0] === undefined ? [] : few(rest[0].type, suspended)
  return one === undefined ? [first] : [first, [...first, one], [...first, one, two]]
}

/** The first of each member, then the second of each. */
const union = (members: ReadonlyArray<Samples>): Samples => {
  const rows = Math.max(0, ...members.map(({ length }) => length))
  return Array.from({ length: rows }, (_, row) => members.flatMap((values) => values.slice(row, row + 1))).flat()
}

const candidates = (ast: SchemaAST.AST, suspended: number): Samples => {
  switch (ast._tag) {
    case "StringKeyword":
      return texts
    case "NumberKeyword":
      return numbers
    case "BigIntKeyword":
      return bigints
    case "BooleanKeyword":
      return [true, false]
    case "Literal":
      return [ast.literal]
    case "Enums":
      return ast.enums.map(([, value]) => value)
    case "TemplateLiteral":
      return matching(SchemaAST.getTemplateLiteralRegExp(ast).source)
    case "UndefinedKeyword":
    case "VoidKeyword":
      return [undefined]
    case "UnknownKeyword":
    case "AnyKeyword":
      return ["a", 1, null, { a: [1] }]
    case "ObjectKeyword":
      return [{}]
    case "Declaration":
      return dates
    case "Refinement": {
      const inner = samples(ast.from, suspended)
      const conditions = conditionsOf(ast)
      return [
        ...conditions.flatMap((each) => edges(each, inner)),
        ...inner,
        ...conditions.flatMap(fitting),
        ...fromDecoded(ast, suspended)
      ]
    }
    case "Transformation":
      return [...samples(ast.from, suspended), ...fromDecoded(ast, suspended), ...encodedOfTarget(ast, suspended)]
    case "TypeLiteral":
      return struct(ast, suspended)
    case "TupleType":
      return list(ast, suspended)
    case "Union":
      return union(ast.types.map((member) => few(member, suspended)))
    case "Suspend":
      return suspended < maxSuspended ? samples(ast.f(), suspended + 1) : []
    default:
      return []
  }
}

/**
 * For a schema behind another one, such as a struct in a text of JSON, the stored forms of the inner one lead to those
 * of both.
 */
const encodedOfTarget = (ast: SchemaAST.Transformation, suspended: number): Samples => {
  if (ast.transformation._tag === "TypeLiteralTransformation" || SchemaAST.typeAST(ast.to) === ast.to) return []
  const decode = Schema.decodeUnknownEither(Schema.make(ast.to))
  const values = samples(ast.to, suspended).flatMap((form) => Option.toArray(attempt(() => decode(form))))
  return encoded(ast, values)
}

/** Those of the candidates that the schema takes. */
const samples = (ast: SchemaAST.AST, suspended: number): Samples => {
  const decode = Schema.decodeUnknownEither(Schema.make(ast))
  const given = Option.getOrElse(SchemaAST.getExamplesAnnotation(ast), () => [] as Samples)
  return distinct([...encoded(ast, given), ...candidates(ast, suspended)]).filter((form) =>
    Option.isSome(attempt(() => decode(form)))
  )
}

/** At most 6 stored forms that the schema decodes, as JSON gives them back; none where none was found. */
export const of = (schema: Schema.Schema.AnyNoContext): Samples => {
  const stored = samples(schema.ast, 0).filter((form) => form !== undefined && Json.misfit(form) === undefined)
  return distinct(stored.map((form): unknown => JSON.parse(JSON.stringify(form)))).slice(0, most)
}
