/**
 * `AggregateState` is how the state of an aggregate is handed out and kept: the initial state, what a reader gets of
 * the committed one, and its snapshots. Nobody can change a state that an actor holds, and a snapshot is made only of a
 * state that reads back the same.
 */
import { Either, Schema } from "effect"
import { UnstorableState } from "./ActorError.ts"
import type { SnapshotPolicy } from "./Definition.ts"
import * as HeldValue from "./HeldValue.ts"
import * as Platform from "./Platform.ts"
import * as SchemaForm from "./SchemaForm.ts"
import * as TextCodec from "./TextCodec.ts"

/** Changes with the stored form of the state, with the type that it decodes to, and with the version of `evolve`. */
const stateFingerprint = (state: Schema.Schema.Any, version: number): string =>
  Platform.sha256(
    JSON.stringify([
      version,
      SchemaForm.of(Schema.encodedBoundSchema(state)),
      // A field that is only computed when a snapshot is decoded may not be what evolve makes of the events.
      SchemaForm.of(Schema.typeSchema(state))
    ])
  )

/** The state before the first event, with nothing in it that somebody else could change. */
export const initialOf = <S>(codec: TextCodec.TextCodec<S>, given: S): (() => S) => {
  const held = HeldValue.hold(HeldValue.copy(given))
  const frozen = HeldValue.freeze(held)
  if (HeldValue.isPlain(frozen)) return () => frozen
  const written = codec.write(frozen)
  if (Either.isLeft(written)) return () => frozen
  const form: unknown = JSON.parse(written.right.text)
  // A date or a map cannot be frozen, so each caller gets a copy of its own.
  return () => HeldValue.freeze(Either.getOrThrow(codec.read(form)))
}

/**
 * The state as a reader gets it: the actor's own where it is frozen, otherwise a copy, so that the reader cannot change
 * the actor's.
 */
export const lender = <S>(schema: Schema.Schema.AnyNoContext, codec: TextCodec.TextCodec<S>): ((state: S) => S) => {
  if (!HeldValue.mayChange(schema)) return (state) => state
  return (state) => {
    if (HeldValue.isPlain(state)) return state
    const copy = Either.map(codec.write(state), ({ asRead }) => asRead)
    // What no text can hold cannot be copied either; the snapshot that fails on it reports that.
    return Either.isRight(copy) && HeldValue.difference(state, copy.right) === undefined ? copy.right : state
  }
}

/** Snapshots hold states that come back as they are, or none. */
export const snapshotPolicy = <S>(
  aggregate: string,
  state: Schema.Schema.AnyNoContext,
  codec: TextCodec.TextCodec<S>,
  { every, version = 1 }: { readonly every?: number; readonly version?: number } = {}
): SnapshotPolicy<S> => ({
  every,
  version,
  fingerprint: stateFingerprint(state, version),
  schema: state.ast,
  encode: (value) => {
    const written = Either.getOrThrowWith(codec.write(value), (misfit) => new UnstorableState({ aggregate, ...misfit }))
    const path = HeldValue.difference(value, written.asRead)
    if (path === undefined) return written.text
    throw new UnstorableState({ aggregate, path, reason: "it reads back as another value" })
  },
  decode: (data) =>
    Either.getOrThrowWith(
      Either.flatMap(TextCodec.parse(data), codec.read),
      (misfit) => new UnstorableState({ aggregate, ...misfit })
    )
})
