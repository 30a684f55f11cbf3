/**
 * `Staging` takes what a command decided into the running state, before anything is stored: each event as every reader
 * will find it, and the state as a recovery would give it. Actors and `AggregateSpec` run it alike.
 */
import { Either } from "effect"
import * as ActorConfig from "./ActorConfig.ts"
import { LimitExceeded } from "./ActorError.ts"
import type { Definition } from "./Definition.ts"
import type { EncodedEvent } from "./EventCodec.ts"
import { UnencodableEvent } from "./EventError.ts"
import * as HeldValue from "./HeldValue.ts"
import * as StoredText from "./StoredText.ts"

export interface Staged<S> {
  readonly events: ReadonlyArray<EncodedEvent>
  /** Length of their data, in UTF-16 code units. */
  readonly characters: number
  /** The state after them, frozen. */
  readonly state: S
}

export type CommandLimits = Pick<ActorConfig.ActorLimits, "maxCommandCharacters" | "maxCommandEvents">

/**
 * All of the events or none. Throws where `evolve` does. `state` is frozen; see `HeldValue.freeze`. What is too much
 * for one command is refused before it is worked through, since until the last event nothing else runs.
 */
export const stage = <S, E extends { readonly _tag: string }>(
  definition: Definition<S, E>,
  state: S,
  events: ReadonlyArray<E>,
  { maxCommandCharacters, maxCommandEvents }: CommandLimits = ActorConfig.defaults
): Either.Either<Staged<S>, UnencodableEvent | LimitExceeded> => {
  const over = (limit: keyof CommandLimits, most: number, found: number) =>
    Either.left(new LimitExceeded({ aggregate: definition.name, limit, most, found }))
  if (events.length > maxCommandEvents) return over("maxCommandEvents", maxCommandEvents, events.length)
  const encoded: Array<EncodedEvent> = []
  let characters = 0
  let after = state
  for (const event of events) {
    const storable = definition.codec.encode(event)
    if (Either.isLeft(storable)) return Either.left(storable.left)
    const { data, type } = storable.right
    if (StoredText.isOver(data, StoredText.maxPayloadBytes)) {
      const reason = `its data is over ${StoredText.maxPayloadBytes} bytes`
      return Either.left(new UnencodableEvent({ aggregate: definition.name, type, path: "", reason }))
    }
    encoded.push(storable.right)
    characters += data.length
    if (characters > maxCommandCharacters) return over("maxCommandCharacters", maxCommandCharacters, characters)
    // As it is stored: a recovery must come to the same state.
    after = definition.hold(definition.evolve(after, storable.right.asRead), after)
  }
  return Either.right({ events: encoded, characters, state: HeldValue.freeze(after, state) })
}
