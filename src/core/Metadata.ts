/**
 * `Metadata` is what an application wants noted with each command beside its payload: a small record of its own, such
 * as tenant and channel, that it declares once:
 *
 *     const Noted = Metadata.make(Schema.Struct({ tenant: Schema.String, channel: Schema.Literal("web", "pump") }))
 *     yield* tanks("north").Fill({ litres: 40 }).pipe(Noted.provide({ tenant: "acme", channel: "pump" }))
 *
 * Like the principal (`Principal.ts`) it is in the caller's context, travels with the command and is in its entry of
 * the journal, under the entry's hash. It is not part of a command's identity: a retry with other metadata is the same
 * command, and the first metadata stays.
 */
import { Context, Effect, Either, type Schema } from "effect"
import * as StoredText from "./StoredText.ts"
import { InvalidArgument } from "./StoreError.ts"
import * as TextCodec from "./TextCodec.ts"

/** The JSON text of what is noted with the commands that are sent; null where nothing is. */
export class CurrentMetadata extends Context.Reference<CurrentMetadata>()("daybook/core/CurrentMetadata", {
  defaultValue: (): string | null => null
}) {}

export interface Metadata<A> {
  /** Its JSON text, at most `StoredText.maxMetadataBytes` of it. */
  readonly write: (value: A) => Either.Either<string, InvalidArgument>
  /**
   * Reads it from an entry of the journal, or from what `decide` is given. A left where there is none of this form, for
   * example from before it was declared.
   */
  readonly read: (text: string | null) => Either.Either<A, InvalidArgument>
  /** Notes this with the commands of an effect. Fails with `InvalidArgument` where it does not fit. */
  readonly provide: (value: A) => <B, E, R>(effect: Effect.Effect<B, E, R>) => Effect.Effect<B, E | InvalidArgument, R>
}

// biome-ignore lint/suspicious/noExplicitAny: what it notes is both read and written; no other bound takes every record.
export type Any = Metadata<any>

const wrong = (path: string, reason: string) =>
  new InvalidArgument({ argument: ["metadata", path].filter(Boolean).join("."), reason })

/** Declares what an application notes with its commands beside their payloads. */
export const make = <A extends object, I>(schema: Schema.Schema<A, I>): Metadata<A> => {
  const codec = TextCodec.make(schema, { isCanonical: true, refuseExcess: true })

  const write = (value: A) =>
    Either.flatMap(
      Either.mapLeft(codec.write(value), ({ path, reason }) => wrong(path, reason)),
      ({ text }) => {
        const reason = StoredText.wrongMetadata(text)
        return reason === undefined ? Either.right(text) : Either.left(wrong("", reason))
      }
    )
  return {
    write,
    read: (text) =>
      text === null
        ? Either.left(wrong("", "is missing"))
        : Either.mapLeft(Either.flatMap(TextCodec.parse(text), codec.read), ({ path, reason }) => wrong(path, reason)),
    provide: (value) => (effect) => {
      const text = write(value)
      return Either.isLeft(text) ? Effect.fail(text.left) : Effect.provideService(effect, CurrentMetadata, text.right)
    }
  }
}
