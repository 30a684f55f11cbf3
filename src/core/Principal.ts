/**
 * `Principal` is who sends commands. It stands in the context of the caller of an aggregate, travels with the command,
 * also to another node, and is in its entry of the journal, in the views of its events, and in what `decide` is given:
 *
 *     yield* tanks("north").Fill({ litres: 40 }).pipe(Principal.as("pump-3"))
 *
 * Over HTTP it is the token's name; for what a reaction sends it is `reaction:` and the reaction's name. It is null
 * where none is set. It says who asked, and permits nothing: who may do what is decided before, or in `decide`.
 */
import { Context, Effect } from "effect"

export interface Sender {
  readonly name: string
  /**
   * Whether it must learn nothing about other principals' commands: an id under which another principal's command is
   * stored is then `CommandIdReused`, whatever the command. HTTP sets it, since clients choose their ids themselves.
   * Default: no.
   */
  readonly isPersonal?: boolean
}

/** Who sends the commands of an effect; null where none is set. */
export class Principal extends Context.Reference<Principal>()("daybook/core/Principal", {
  defaultValue: (): Sender | null => null
}) {}

/** Names who sends the commands of an effect. A name that no store takes is `InvalidArgument` of each of them. */
export const as =
  (name: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, Principal, { name })

/**
 * Whether a kept answer belongs to another principal than the one who asks now. An answer without a principal is for
 * all.
 */
export const isForeign = (
  asking: { readonly principal?: string | null | undefined; readonly isPersonal?: boolean | undefined },
  kept: string | null | undefined
): boolean => asking.isPersonal === true && kept != null && kept !== asking.principal
