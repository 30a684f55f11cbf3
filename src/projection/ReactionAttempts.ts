/**
 * `ReactionAttempts` is one attempt of a reaction on a stored event: what it sends, under which ids, of which principal and in
 * which conversation, and how an event that an operator abandoned comes to its end. Which events are tried, and when again, is
 * decided in `ReactionRunner.ts`.
 */
import { Cause, Duration, Effect, Either } from "effect"
import * as Causation from "../core/Causation.ts"
import type { Permits } from "../core/Permits.ts"
import * as Principal from "../core/Principal.ts"
import type { Recorded } from "../core/Recorded.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamDamaged } from "../core/StoreError.ts"
import * as Traces from "../core/Traces.ts"
import type { Abandonment } from "./Model.ts"
import { attemptTimeout } from "./ProjectionConfig.ts"
import type { CommandIdOf, Reaction } from "./Reaction.ts"
import * as Registration from "./Registration.ts"
import type * as Source from "./Source.ts"

/**
 * Begins with U+0001, which no client's id may. A reaction that was renamed keeps the ids that it had under its first name. `index`
 * tells the events apart that one stored event was split into; `version` is the one under which the event was done last.
 */
export const commandIdOf = (
  { formerNames, name }: Pick<Reaction<never, never>, "name" | "formerNames">,
  { streamId, version }: Pick<StoredEvent, "streamId" | "version">,
  index: number,
  doneUnder = 1
): CommandIdOf => {
  const [firstName = name] = formerNames
  const by = doneUnder === 1 ? firstName : `${firstName}@${doneUnder}`
  return (n = 0) => `\u0001${by}:${streamId}:${version}:${index}:${n}`
}

/** What an operator abandoned, another one has taken up. */
export const takenUp = Symbol("taken up")

interface Options<E extends { readonly _tag: string }, R> {
  readonly reaction: Reaction<E, R>
  readonly raises: ReadonlyArray<Registration.Raise>
  /** At most this many attempts run at once. */
  readonly places: Permits
  /** Notes that an abandoned event has come to its end, and what is left of it. Returns false where it was taken up. */
  readonly endAbandonment: (position: number, left: string | null) => Effect.Effect<boolean>
}

type React<E, A, R> = (recorded: Recorded<E>, commandId: CommandIdOf) => Effect.Effect<A, unknown, R>

export const make = <E extends { readonly _tag: string }, R>(options: Options<E, R>) => {
  const { endAbandonment, places, raises, reaction } = options
  const { name } = reaction

  /** One attempt on the events of a stored one, in the conversation of that; what went wrong, or undefined. */
  const attemptWith = <A>(
    stored: StoredEvent,
    events: ReadonlyArray<E>,
    react: React<E, A, R>,
    onDone: (answers: ReadonlyArray<A>) => Effect.Effect<unknown>
  ): Effect.Effect<unknown, never, R> => {
    const doneUnder = Registration.versionAt(raises, stored.position)
    return Effect.forEach(events, (event, index) =>
      Traces.because(stored.traceparent, react({ event, stored }, commandIdOf(reaction, stored, index, doneUnder)))
    ).pipe(
      Principal.as(`reaction:${name}`),
      Effect.provideService(Causation.Causation, Causation.of(stored)),
      Effect.timeoutFail({
        duration: attemptTimeout,
        onTimeout: () => new Error(`it took longer than ${Duration.format(attemptTimeout)}`)
      }),
      Effect.matchCauseEffect({
        onSuccess: onDone,
        onFailure: (cause) => (Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.succeed(Cause.squash(cause)))
      }),
      places.within
    )
  }

  /** One attempt; what went wrong, or undefined. */
  const attempt = (stored: Source.Met): Effect.Effect<unknown, never, R> => {
    if (stored instanceof StreamDamaged) return Effect.succeed(stored)
    const codec = reaction.selection.codecOf(stored)
    if (codec === undefined) return Effect.void
    const decoded = codec.decode(stored)
    if (Either.isLeft(decoded)) return Effect.succeed(decoded.left)
    return attemptWith<unknown>(stored, decoded.right, reaction.react, () => Effect.succeed(undefined))
  }

  /** One attempt to end what an operator abandoned; what went wrong, `takenUp`, or undefined. */
  const giveUp = (met: Source.Met, { position, undone }: Abandonment): Effect.Effect<unknown, never, R> => {
    const end = (left: string | null) =>
      Effect.map(endAbandonment(position, left), (isStill) => (isStill ? undefined : takenUp))
    if (met instanceof StreamDamaged || reaction.abandon === null) return end(undone)
    const decoded = reaction.selection.codecOf(met)?.decode(met)
    if (decoded === undefined || Either.isLeft(decoded)) return end(undone)
    return attemptWith(met, decoded.right, reaction.abandon.react, (left) => {
      const texts = left.filter((each) => each !== null)
      return end(texts.length === 0 ? null : texts.join("; "))
    })
  }

  return { attempt, giveUp }
}
