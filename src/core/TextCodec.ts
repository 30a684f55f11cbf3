/**
 * `TextCodec` is the one way from a value to the text that is stored of it, and back. The writer gets the value again
 * as it reads from that text, so that nothing acts on anything that the log does not hold: no `undefined`, no -0,
 * nothing that its schema changes on the way.
 *
 * What would not read back (NaN, a bigint or a Date where the schema has no text for it) is refused before it is
 * stored.
 */
import { Either, type ParseResult, type Schema } from "effect"
import * as CompiledSchema from "./CompiledSchema.ts"
import * as HeldValue from "./HeldValue.ts"
import * as Json from "./Json.ts"
import * as SchemaPath from "./SchemaPath.ts"

/** A value on its way into a store. */
export interface Written<A> {
  /** What is stored: JSON, or nothing where the schema has no value, as `Schema.Void`. */
  readonly text: string
  /** What the text was made of. */
  readonly form: unknown
  /** The value as every reader will find it, held by nothing else: a change of what was written does not reach it. */
  readonly asRead: A
}

export interface TextCodec<A> {
  readonly write: (value: unknown) => Either.Either<Written<A>, Json.Misfit>
  /** From the form, as it was parsed from its text. */
  readonly read: (form: unknown) => Either.Either<A, Json.Misfit>
}

export interface Options {
  /** Whether a field that the schema does not name is a mistake, or is left out. Default: it is left out. */
  readonly refuseExcess?: boolean
  /** Whether the text is the same for values that differ only in the order of keys; see `Json.canonical`. */
  readonly isCanonical?: boolean
  /**
   * Most characters of a text within the value: a longer one is refused before the whole is written. Default: any
   * number.
   */
  readonly maxLength?: number
}

/** JSON has no undefined, which a command without payload or success has: it is the empty text. */
export const toText = (form: unknown): string => JSON.stringify(form) ?? ""

/** Fails where the text is not JSON. The parser's own message would quote it. */
export const parse = (text: string): Either.Either<unknown, Json.Misfit> => {
  if (text === "") return Either.right(undefined)
  try {
    return Either.right(JSON.parse(text))
  } catch {
    return Either.left({ path: "", reason: "the stored text is not JSON" })
  }
}

const misfit = (error: ParseResult.ParseError): Json.Misfit => ({
  path: SchemaPath.of(error),
  reason: "the field does not fit the schema"
})

/** Removes from a decoded value what no text can hold; undefined where the schema cannot put any of that there. */
const holderOf = <A>(schema: Schema.Schema.AnyNoContext): ((value: A) => A) | undefined => {
  if (CompiledSchema.admitsUndefined(schema)) return HeldValue.hold
  return CompiledSchema.computesNumbers(schema) ? HeldValue.holder<A>(schema) : undefined
}

/** A field that is too long by itself. What is nested deeper is measured with the whole. */
const longerField = (form: unknown, most: number): string | undefined => {
  for (const key in form as object) {
    const value = (form as Record<string, unknown>)[key]
    if (typeof value === "string" && value.length > most) return key
  }
  return undefined
}

export const make = <A, I>(schema: Schema.Schema<A, I>, options: Options = {}): TextCodec<A> => {
  const { isCanonical = false, maxLength, refuseExcess = false } = options
  const { isExact, isJson, quick, slow } = CompiledSchema.encoder(schema, { refuseExcess, isSorted: isCanonical })
  const decode = CompiledSchema.decodeUnknownEither(schema)
  const hold = holderOf<A>(schema as Schema.Schema.AnyNoContext)

  const read = (form: unknown): Either.Either<A, Json.Misfit> => {
    try {
      const decoded = decode(form)
      if (Either.isLeft(decoded)) return Either.left(misfit(decoded.left))
      return hold === undefined ? (decoded as Either.Either<A, never>) : Either.right(hold(decoded.right))
    } catch (cause) {
      const name = cause instanceof Error ? cause.name : typeof cause
      return Either.left({ path: "", reason: `its schema threw ${name}` })
    }
  }

  const reread = (text: string, form: unknown, parsed: unknown): Either.Either<Written<A>, Json.Misfit> => {
    const again = read(parsed)
    return Either.isRight(again)
      ? Either.right({ text, form, asRead: again.right })
      : Either.left({ path: again.left.path, reason: "what is stored could not be read again" })
  }

  const write = (value: unknown): Either.Either<Written<A>, Json.Misfit> => {
    const form: unknown = quick(value)
    if (maxLength !== undefined) {
      const path = longerField(form, maxLength)
      if (path !== undefined) return Either.left({ path, reason: `is over ${maxLength} characters` })
    }
    // The fast path returns what its own text would be parsed to, and nothing else holds a part of it.
    if (isJson && form !== CompiledSchema.unfit) {
      const text = toText(form)
      return isExact ? Either.right({ text, form, asRead: form as A }) : reread(text, form, form)
    }
    return writeSlowly(form === CompiledSchema.unfit ? slow(value) : Either.right(form))
  }

  const writeSlowly = (
    encoded: Either.Either<unknown, ParseResult.ParseError>
  ): Either.Either<Written<A>, Json.Misfit> => {
    if (Either.isLeft(encoded)) return Either.left(misfit(encoded.left))
    const form = encoded.right
    if (form === undefined) return reread("", form, form)
    const bad = Json.misfit(form)
    if (bad !== undefined) return Either.left(bad)
    const text = isCanonical ? Json.canonical(form) : toText(form)
    return reread(text, form, JSON.parse(text))
  }

  return { write, read }
}
