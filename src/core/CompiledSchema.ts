/**
 * A schema as functions that are as quick as those one would write by hand, for what every event and every command pass.
 *
 * They take what is plainly right and give exactly what the schema would; whatever else comes, the schema itself looks at,
 * and says what is wrong with it.
 */
import { Either, type ParseResult, Schema, SchemaAST } from "effect"

/** What the quick way does not take. */
const unfit = Symbol("daybook/core/CompiledSchema/unfit")
type Step = (input: unknown) => unknown
type Direction = "decode" | "encode"

const passing =
  (is: (input: unknown) => boolean): Step =>
  (input) =>
    is(input) ? input : unfit

const isText = passing((input) => typeof input === "string")
const isNumber = passing((input) => typeof input === "number")
const isBoolean = passing((input) => typeof input === "boolean")
const isBigInt = passing((input) => typeof input === "bigint")
const isUndefined = passing((input) => input === undefined)

/** The schema's own way, for the kinds that have no quick one. */
const interpret = (ast: SchemaAST.AST, direction: Direction): Step => {
  const schema = Schema.make<unknown, unknown>(ast)
  const parse = direction === "decode" ? Schema.decodeUnknownEither(schema) : Schema.encodeUnknownEither(schema)
  return (input) => Either.getOrElse(parse(input), () => unfit)
}

const refinement = (ast: SchemaAST.Refinement, direction: Direction): Step => {
  if (direction === "encode") {
    let inner = ast.from
    while (SchemaAST.isRefinement(inner)) inner = inner.from
    const check = compile(SchemaAST.typeAST(ast), "decode")
    const encode = compile(inner, "encode")
    return (input) => (check(input) === unfit ? unfit : encode(input))
  }
  const from = compile(ast.from, "decode")
  return (input) => {
    const value = from(input)
    if (value === unfit) return unfit
    return ast.filter(value as never, SchemaAST.defaultParseOption, ast)._tag === "None" ? value : unfit
  }
}

const transformation = (ast: SchemaAST.Transformation, direction: Direction): Step => {
  const isDecoding = direction === "decode"
  const { transformation } = ast
  if (transformation._tag === "TypeLiteralTransformation") return interpret(ast, direction)
  const from = compile(isDecoding ? ast.from : ast.to, direction)
  const to = compile(isDecoding ? ast.to : ast.from, direction)
  const change = transformation._tag === "FinalTransformation" ? transformation[direction] : Either.right
  return (input) => {
    const before = from(input)
    if (before === unfit) return unfit
    const after = change(before as never, SchemaAST.defaultParseOption, ast, input as never)
    // An effect is not for this way either.
    return Either.isEither(after) && Either.isRight(after) ? to(after.right) : unfit
  }
}

const struct = (ast: SchemaAST.TypeLiteral, direction: Direction): Step => {
  const fields = ast.propertySignatures.map(({ isOptional, name, type }) => ({
    name: name as string,
    isOptional,
    step: compile(type, direction)
  }))
  return (input) => {
    if (typeof input !== "object" || input === null || Array.isArray(input)) return unfit
    const output: Record<string, unknown> = {}
    for (const { isOptional, name, step } of fields) {
      if (!Object.hasOwn(input, name)) {
        if (isOptional) continue
        return unfit
      }
      const value = step((input as Record<string, unknown>)[name])
      if (value === unfit) return unfit
      output[name] = value
    }
    return output
  }
}

const list = (item: Step): Step => {
  return (input) => {
    if (!Array.isArray(input)) return unfit
    const output: Array<unknown> = []
    for (const one of input) {
      const value = item(one)
      if (value === unfit) return unfit
      output.push(value)
    }
    return output
  }
}

/** Members that are no objects are tried in their order; objects are told apart by their literals, which the schema does. */
const isScalar = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isRefinement(ast)
    ? isScalar(ast.from)
    : SchemaAST.isLiteral(ast) ||
      SchemaAST.isStringKeyword(ast) ||
      SchemaAST.isNumberKeyword(ast) ||
      SchemaAST.isBooleanKeyword(ast) ||
      SchemaAST.isBigIntKeyword(ast) ||
      SchemaAST.isUndefinedKeyword(ast)

const union = (ast: SchemaAST.Union, direction: Direction): Step => {
  if (!ast.types.every(isScalar)) return interpret(ast, direction)
  const members = ast.types.map((member) => compile(member, direction))
  return (input) => {
    for (const member of members) {
      const value = member(input)
      if (value !== unfit) return value
    }
    return unfit
  }
}

const compile = (ast: SchemaAST.AST, direction: Direction): Step => {
  const { annotations } = ast
  if (SchemaAST.ParseOptionsAnnotationId in annotations || SchemaAST.DecodingFallbackAnnotationId in annotations) {
    return interpret(ast, direction)
  }
  switch (ast._tag) {
    case "StringKeyword":
      return isText
    case "NumberKeyword":
      return isNumber
    case "BooleanKeyword":
      return isBoolean
    case "BigIntKeyword":
      return isBigInt
    case "UndefinedKeyword":
      return isUndefined
    case "Literal":
      return passing((input) => input === ast.literal)
    case "Refinement":
      return refinement(ast, direction)
    case "Transformation":
      return transformation(ast, direction)
    case "TypeLiteral": {
      const { indexSignatures, propertySignatures } = ast
      const isPlain = propertySignatures.every(({ name }) => typeof name === "string" && name !== "__proto__")
      return indexSignatures.length === 0 && propertySignatures.length > 0 && isPlain
        ? struct(ast, direction)
        : interpret(ast, direction)
    }
    case "TupleType": {
      const [rest, ...more] = ast.rest
      return ast.elements.length === 0 && rest !== undefined && more.length === 0
        ? list(compile(rest.type, direction))
        : interpret(ast, direction)
    }
    case "Union":
      return union(ast, direction)
    default:
      return interpret(ast, direction)
  }
}

type Parse<A> = (input: unknown) => Either.Either<A, ParseResult.ParseError>

const withSchema =
  <A>(step: Step, parse: Parse<A>): Parse<A> =>
  (input) => {
    const output = step(input)
    return output === unfit ? parse(input) : Either.right(output as A)
  }

/** As `Schema.decodeUnknownEither`. */
export const decodeUnknownEither = <A, I>(schema: Schema.Schema<A, I>): Parse<A> =>
  withSchema(compile(schema.ast, "decode"), Schema.decodeUnknownEither(schema))

/** As `Schema.encodeUnknownEither`. */
export const encodeUnknownEither = <A, I>(schema: Schema.Schema<A, I>): Parse<I> =>
  withSchema(compile(schema.ast, "encode"), Schema.encodeUnknownEither(schema))
