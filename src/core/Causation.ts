/**
 * `Causation` is what a command is part of and what caused it, handed on through the context: every command that is
 * sent within a reaction belongs to the conversation of the event that it reacts to, without being told so. What is
 * given with a command holds for that command alone.
 *
 * A causation id names an event, as `STREAM@VERSION`: `order-7@2` is the second event of `order-7`. An id without `@`
 * is one that a caller made up.
 */
import { Context } from "effect"
import type { StoredEvent } from "./StoredEvent.ts"

export interface Cause {
  readonly correlationId: string
  readonly causationId: string
}

/** What caused the commands of an effect. Default: nothing. A reaction sets it for what it sends. */
export class Causation extends Context.Reference<Causation>()("daybook/core/Causation", {
  defaultValue: (): Cause | null => null
}) {}

/** The causation id of what an event causes. */
export const idOf = ({ streamId, version }: Pick<StoredEvent, "streamId" | "version">): string =>
  `${streamId}@${version}`

/** The conversation and cause of a command that this event causes. */
export const of = (event: StoredEvent): Cause => ({ correlationId: event.correlationId, causationId: idOf(event) })
