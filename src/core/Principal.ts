/**
 * `Principal` is who sends commands. It stands in the context of the caller of an aggregate, travels with the command,
 * also to another node, and is in its entry of the journal, in the views of its events, and in what `decide` is told:
 *
 *     yield* tanks("north").Fill({ litres: 40 }).pipe(Principal.as("pump-3"))
 *
 * Over HTTP it is the token's name; what a reaction sends is of `reaction:` and its name. Where nobody is named it is null. It says
 * who asked, and permits nothing: who may do what is decided before, or in `decide`.
 */
import { Context, Effect } from "effect"

export interface Sender {
  readonly name: string
  /**
   * Whether it may be told nothing of other principals' commands: an id under which a command of another one is stored is then
   * `CommandIdReused`, whatever the command. So it is over HTTP, where clients choose their ids themselves. Default: no.
   */
  readonly isPersonal?: boolean
}

/** Who sends the commands of an effect; null where nobody is named. */
export class Principal extends Context.Reference<Principal>()("daybook/core/Principal", {
  defaultValue: (): Sender | null => null
}) {}

/** Names who sends the commands of an effect. A name that no store takes is `InvalidArgument` of each of them. */
export const as =
  (name: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, Principal, { name })

/** Whether a command's answer, kept for one principal, is not for the one who asks now. What nobody is named for is for all. */
export const isForeign = (
  asking: { readonly principal?: string | null | undefined; readonly isPersonal?: boolean | undefined },
  kept: string | null | undefined
): boolean => asking.isPersonal === true && kept != null && kept !== asking.principal
