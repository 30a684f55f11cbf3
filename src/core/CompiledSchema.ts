/**
 * A schema compiled to functions as fast as hand-written ones, for the path of every event and every command.
 *
 * They handle values that plainly fit, and return exactly what the schema would. Everything else goes to the schema
 * itself, which says what is wrong with it. What is encoded is what JSON gives back: no -0, no key whose value is
 * undefined, and not the object that was given.
 */
import { Either, type ParseResult, Schema, SchemaAST } from "effect"
import * as SchemaParts from "./SchemaParts.ts"

/** A value that the fast path does not handle. */
export const unfit = Symbol("daybook/core/CompiledSchema/unfit")
type Step = (input: unknown) => unknown
type Direction = "decode" | "encode"

/** One direction through a schema, and what was proved about it. */
interface Compiled {
  readonly step: Step
  /** Whether everything that it returns is JSON. */
  readonly isJson: boolean
  /** Whether what it encodes is also what the schema decodes from that, so that it need not be checked. */
  readonly isExact: boolean
  readonly admitsUndefined: boolean
}

const passing = (is: (input: unknown) => boolean, proof: Partial<Compiled> = {}): Compiled => ({
  step: (input) => (is(input) ? input : unfit),
  isJson: true,
  isExact: true,
  admitsUndefined: false,
  ...proof
})

const isText = passing((input) => typeof input === "string")
const isBoolean = passing((input) => typeof input === "boolean")
const isBigInt = passing((input) => typeof input === "bigint", { isJson: false, isExact: false })
const isUndefined = passing((input) => input === undefined, { admitsUndefined: true })
const isNumber = passing((input) => typeof input === "number")
/** NaN and the infinities are not JSON; -0 is 0 there. */
const asNumber: Compiled = {
  ...isNumber,
  step: (input) => (typeof input === "number" && Number.isFinite(input) ? (input === 0 ? 0 : input) : unfit)
}

const literal = ({ literal }: SchemaAST.Literal, { direction }: Context): Compiled => {
  const isLiteral = (input: unknown) => input === literal
  if (typeof literal === "bigint") return passing(isLiteral, { isJson: false, isExact: false })
  // -0 passes for the literal 0.
  return literal === 0 && direction === "encode"
    ? { ...passing(isLiteral), step: (input) => (isLiteral(input) ? 0 : unfit) }
    : passing(isLiteral)
}

/** The schema itself, for kinds of schema without a fast path. */
const interpret = (ast: SchemaAST.AST, { direction, refuseExcess }: Context): Compiled => {
  const schema = Schema.make<unknown, unknown>(ast)
  const options = excessOf(refuseExcess)
  const parse =
    direction === "decode" ? Schema.decodeUnknownEither(schema, options) : Schema.encodeUnknownEither(schema, options)
  return {
    step: (input) => Either.getOrElse(parse(input), () => unfit),
    isJson: false,
    isExact: false,
    admitsUndefined: true
  }
}

export interface EncodeOptions {
  /** Whether a field that the schema does not name is a mistake. Default: it is left out. */
  readonly refuseExcess?: boolean
  /** Whether the fields of a struct come in the order of their names, and not in that of the schema. */
  readonly isSorted?: boolean
}

interface Context extends EncodeOptions {
  readonly direction: Direction
}

const excessOf = (refuseExcess = false): SchemaAST.ParseOptions => ({
  onExcessProperty: refuseExcess ? "error" : "ignore"
})

const refinement = (ast: SchemaAST.Refinement, context: Context): Compiled => {
  const isFitting = (value: unknown): boolean =>
    ast.filter(value as never, SchemaAST.defaultParseOption, ast)._tag === "None"
  if (context.direction === "decode") {
    const from = compile(ast.from, context)
    return {
      ...from,
      step: (input) => {
        const value = from.step(input)
        return value !== unfit && isFitting(value) ? value : unfit
      }
    }
  }
  const encode = compile(ast.from, context)
  // What is stored is what must fit, where it is the value itself.
  if (encode.isExact) {
    return {
      ...encode,
      step: (input) => {
        const value = encode.step(input)
        return value !== unfit && isFitting(value) ? value : unfit
      }
    }
  }
  const check = compile(SchemaAST.typeAST(ast), { ...context, direction: "decode" })
  return { ...encode, step: (input) => (check.step(input) === unfit ? unfit : encode.step(input)) }
}

const transformation = (ast: SchemaAST.Transformation, context: Context): Compiled => {
  const { direction } = context
  const isDecoding = direction === "decode"
  const { transformation } = ast
  if (transformation._tag === "TypeLiteralTransformation") return interpret(ast, context)
  const from = compile(isDecoding ? ast.from : ast.to, context)
  const to = compile(isDecoding ? ast.to : ast.from, context)
  const change = transformation._tag === "FinalTransformation" ? transformation[direction] : Either.right
  return {
    step: (input) => {
      const before = from.step(input)
      if (before === unfit) return unfit
      const after = change(before as never, SchemaAST.defaultParseOption, ast, input as never)
      // An effect cannot take the fast path either.
      return Either.isEither(after) && Either.isRight(after) ? to.step(after.right) : unfit
    },
    isJson: to.isJson,
    isExact: false,
    admitsUndefined: to.admitsUndefined
  }
}

const struct = (ast: SchemaAST.TypeLiteral, context: Context): Compiled => {
  const isEncoding = context.direction === "encode"
  const refusesExcess = isEncoding && context.refuseExcess === true
  const signatures =
    isEncoding && context.isSorted === true
      ? [...ast.propertySignatures].sort((left, right) => (String(left.name) < String(right.name) ? -1 : 1))
      : ast.propertySignatures
  const compiled = signatures.map(({ isOptional, name, type }) => ({
    name: name as string,
    isOptional,
    of: compile(type, context)
  }))
  const fields = compiled.map(({ isOptional, name, of: { step } }) => ({ name, isOptional, step }))
  return {
    step: (input) => {
      if (typeof input !== "object" || input === null || Array.isArray(input)) return unfit
      const output: Record<string, unknown> = {}
      let found = 0
      for (const { isOptional, name, step } of fields) {
        if (!Object.hasOwn(input, name)) {
          if (isOptional) continue
          return unfit
        }
        found++
        const value = step((input as Record<string, unknown>)[name])
        if (value === unfit) return unfit
        if (value !== undefined || !isEncoding) output[name] = value
      }
      return refusesExcess && found !== Object.keys(input).length ? unfit : output
    },
    isJson: compiled.every(({ of: { isJson } }) => isJson),
    // A missing field that must be there is decoded as one that is there and undefined.
    isExact: compiled.every(
      ({ isOptional, of: { admitsUndefined, isExact } }) => isExact && (isOptional || !admitsUndefined)
    ),
    admitsUndefined: false
  }
}

const list = (item: Compiled, { direction }: Context): Compiled => {
  const { step } = item
  const isEncoding = direction === "encode"
  return {
    step: (input) => {
      if (!Array.isArray(input)) return unfit
      const output: Array<unknown> = []
      for (const one of input) {
        const value = step(one)
        if (value === unfit || (isEncoding && value === undefined)) return unfit
        output.push(value)
      }
      return output
    },
    isJson: item.isJson,
    isExact: item.isExact,
    admitsUndefined: false
  }
}

/**
 * Members that are not objects are tried in their order; objects are told apart by their literals, which the schema
 * does.
 */
const isScalar = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isRefinement(ast)
    ? isScalar(ast.from)
    : SchemaAST.isLiteral(ast) ||
      SchemaAST.isStringKeyword(ast) ||
      SchemaAST.isNumberKeyword(ast) ||
      SchemaAST.isBooleanKeyword(ast) ||
      SchemaAST.isBigIntKeyword(ast) ||
      SchemaAST.isUndefinedKeyword(ast)

const union = (ast: SchemaAST.Union, context: Context): Compiled => {
  if (!ast.types.every(isScalar)) return interpret(ast, context)
  const members = ast.types.map((member) => compile(member, context))
  const steps = members.map(({ step }) => step)
  return {
    step: (input) => {
      for (const step of steps) {
        const value = step(input)
        if (value !== unfit) return value
      }
      return unfit
    },
    isJson: members.every(({ isJson }) => isJson),
    isExact: members.every(({ isExact }) => isExact),
    admitsUndefined: members.some(({ admitsUndefined }) => admitsUndefined)
  }
}

const compile = (ast: SchemaAST.AST, context: Context): Compiled => {
  const { annotations } = ast
  if (SchemaAST.ParseOptionsAnnotationId in annotations || SchemaAST.DecodingFallbackAnnotationId in annotations) {
    return interpret(ast, context)
  }
  switch (ast._tag) {
    case "StringKeyword":
      return isText
    case "NumberKeyword":
      return context.direction === "encode" ? asNumber : isNumber
    case "BooleanKeyword":
      return isBoolean
    case "BigIntKeyword":
      return isBigInt
    case "UndefinedKeyword":
    case "VoidKeyword":
      return isUndefined
    case "Literal":
      return literal(ast, context)
    case "Refinement":
      return refinement(ast, context)
    case "Transformation":
      return transformation(ast, context)
    case "TypeLiteral": {
      const { indexSignatures, propertySignatures } = ast
      const isPlain = propertySignatures.every(({ name }) => typeof name === "string" && name !== "__proto__")
      return indexSignatures.length === 0 && propertySignatures.length > 0 && isPlain
        ? struct(ast, context)
        : interpret(ast, context)
    }
    case "TupleType": {
      const [rest, ...more] = ast.rest
      return ast.elements.length === 0 && rest !== undefined && more.length === 0
        ? list(compile(rest.type, context), context)
        : interpret(ast, context)
    }
    case "Union":
      return union(ast, context)
    default:
      return interpret(ast, context)
  }
}

type Parse<A> = (input: unknown) => Either.Either<A, ParseResult.ParseError>

/** As `Schema.decodeUnknownEither`. */
export const decodeUnknownEither = <A, I>(schema: Schema.Schema<A, I>): Parse<A> => {
  const { step } = compile(schema.ast, { direction: "decode" })
  const parse = Schema.decodeUnknownEither(schema)
  return (input) => {
    const output = step(input)
    return output === unfit ? parse(input) : Either.right(output as A)
  }
}

export interface Encoder<I> extends Pick<Compiled, "isExact" | "isJson"> {
  /** The fast path: the encoded value, or `unfit`, which does not say whether the value fits the schema. */
  readonly quick: (value: unknown) => I | typeof unfit
  /** As `Schema.encodeUnknownEither`. What it gives may hold what JSON cannot. */
  readonly slow: Parse<I>
}

/** `isExact` and `isJson` describe what the fast path returns. */
export const encoder = <A, I>(schema: Schema.Schema<A, I>, options: EncodeOptions = {}): Encoder<I> => {
  const { isExact, isJson, step } = compile(schema.ast, { ...options, direction: "encode" })
  return {
    quick: step as Encoder<I>["quick"],
    slow: Schema.encodeUnknownEither(schema, excessOf(options.refuseExcess)),
    isExact,
    isJson
  }
}

const mayBeUndefined = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isRefinement(ast)
    ? mayBeUndefined(ast.from)
    : SchemaAST.isTransformation(ast)
      ? mayBeUndefined(ast.to)
      : SchemaAST.isUnion(ast)
        ? ast.types.some(mayBeUndefined)
        : SchemaAST.isUndefinedKeyword(ast) ||
          SchemaAST.isVoidKeyword(ast) ||
          SchemaAST.isUnknownKeyword(ast) ||
          SchemaAST.isAnyKeyword(ast)

/** Whether what a text decodes to may hold a key whose value is undefined. */
export const admitsUndefined = (schema: Schema.Schema.AnyNoContext): boolean =>
  // What a transformation makes of a text may be undefined, even of a field that is there.
  SchemaParts.some(schema.ast, (ast) => SchemaAST.isTransformation(ast) && mayBeUndefined(ast.to)) ||
  SchemaParts.some(SchemaAST.typeAST(schema.ast), (ast) => {
    switch (ast._tag) {
      case "Declaration":
      case "UnknownKeyword":
      case "AnyKeyword":
      case "ObjectKeyword":
        return true
      case "TypeLiteral":
        // Otherwise a field that may be left out is there or not there, and never undefined.
        return (
          ast.propertySignatures.some(({ isOptional, type }) => !isOptional && mayBeUndefined(type)) ||
          ast.indexSignatures.some(({ type }) => mayBeUndefined(type))
        )
      default:
        return false
    }
  })

/**
 * Whether a number of its values may come from a transformation, such as a default, and so be -0, which no text gives.
 */
export const computesNumbers = (schema: Schema.Schema.AnyNoContext): boolean =>
  SchemaParts.some(
    schema.ast,
    (ast) => SchemaAST.isTransformation(ast) && SchemaParts.some(SchemaAST.typeAST(ast.to), mayBeZero)
  )

const mayBeZero = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isNumberKeyword(ast) ||
  (SchemaAST.isLiteral(ast) && ast.literal === 0) ||
  (SchemaAST.isEnums(ast) && ast.enums.some(([, value]) => value === 0))
