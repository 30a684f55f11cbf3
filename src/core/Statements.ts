/**
 * `Statements` are what an application writes to its own tables with one command: they stand in the context of the
 * caller, travel with the command to the store, and are committed with its events or not at all. Only the store that
 * takes them knows what they are; `sql/Alongside.ts` makes them.
 */
import { type Cause, Context, type Effect } from "effect"
import type { Place } from "./Definition.ts"
import { InvalidArgument } from "./StoreError.ts"

/** Which command is stored, and where it ends. */
export interface Stored extends Place {
  readonly streamId: string
  readonly commandId: string
}

export interface Statements {
  /** Runs them within the transaction that stores the command, after its events, with what the store provides. */
  readonly run: (stored: Stored, provided: Context.Context<never>) => Effect.Effect<unknown, unknown>
  /** The command that has taken them: they belong to one command. */
  commandId: string | undefined
  /** What they ended with, where they failed: then nothing of the command is stored. */
  failure: Cause.Cause<unknown> | undefined
}

export class CurrentStatements extends Context.Reference<CurrentStatements>()("daybook/core/CurrentStatements", {
  defaultValue: (): Statements | null => null
}) {}

/** Gives the statements to the command, or says why it cannot have them. */
export const take = (
  { commandId, statements }: { readonly commandId: string; readonly statements?: Statements | undefined },
  isTaken: boolean
): InvalidArgument | undefined => {
  if (statements === undefined) return undefined
  const wrong = (reason: string) => new InvalidArgument({ argument: "statements", reason })
  if (!isTaken) return wrong("go with a command of an actor of this process, on a store that is a database")
  if (statements.commandId !== undefined && statements.commandId !== commandId) {
    return wrong("go with one command; give a command that is tried again its id")
  }
  statements.commandId = commandId
  statements.failure = undefined
  return undefined
}
