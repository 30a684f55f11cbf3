/**
 * `TextCodec` is the one way from a value to the text that is stored of it, and back. Whoever writes gets the value again as
 * it reads from that text, so that nobody acts on anything that the log does not hold: no `undefined`, no -0, nothing that
 * its schema changes on the way.
 *
 * What would not read back (NaN, a bigint or a Date where the schema has no text for it) is refused before it is stored.
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
  /** The value as every reader will find it, and nobody else's: a change of what was written does not reach it. */
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

export const make = <A, I>(schema: Schema.Schema<A, I>, options: Options = {}): TextCodec<A> => {
  const { isExact, isJson, quick, slow } = CompiledSchema.encoder(schema, options.refuseExcess ?? false)
  const decode = CompiledSchema.decodeUnknownEither(schema)
  const mayHoldUndefined = CompiledSchema.admitsUndefined(schema as Schema.Schema.AnyNoContext)

  const read = (form: unknown): Either.Either<A, Json.Misfit> => {
    try {
      const decoded = decode(form)
      if (Either.isLeft(decoded)) return Either.left(misfit(decoded.left))
      return Either.right(mayHoldUndefined ? HeldValue.hold(decoded.right) : decoded.right)
    } catch (cause) {
      const name = cause instanceof Error ? cause.name : typeof cause
      return Either.left({ path: "", reason: `its schema threw ${name}` })
    }
  }

  const write = (value: unknown): Either.Either<Written<A>, Json.Misfit> => {
    let form: unknown = quick(value)
    const isQuick = form !== CompiledSchema.unfit
    if (!isQuick) {
      const encoded = slow(value)
      if (Either.isLeft(encoded)) return Either.left(misfit(encoded.left))
      form = encoded.right
    }
    if (!(isQuick && isJson) && form !== undefined) {
      const bad = Json.misfit(form)
      if (bad !== undefined) return Either.left(bad)
    }
    const text = toText(form)
    if (isQuick && isExact) return Either.right({ text, form, asRead: form as A })
    const again = read(form === undefined ? undefined : JSON.parse(text))
    return Either.isRight(again)
      ? Either.right({ text, form, asRead: again.right })
      : Either.left({ path: again.left.path, reason: "what is stored could not be read again" })
  }

  return { write, read }
}
