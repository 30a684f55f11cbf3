/**
 * `Conversation` links an event to others through the reactions of an application: to the event that caused its command, and to the
 * commands that reactions sent because of it. A reaction's command id is made of the event and a number, so both ways are look-ups.
 */
import { Effect } from "effect"
import { isDerived } from "../core/CommandId.ts"
import { EventStore, type LookupError } from "../core/EventStore.ts"
import * as Journal from "../core/Journal.ts"
import { EntryDamaged } from "../core/StoreError.ts"
import { isStreamId, type StreamId } from "../core/StreamId.ts"
import type { Application } from "./Application.ts"
import * as ReactionAttempts from "./ReactionAttempts.ts"

/** An event of any stream. */
export interface Place {
  readonly streamId: StreamId
  readonly version: number
}

/** A command that a reaction sent because of an event. */
export interface Sent extends Place {
  /** The reaction. */
  readonly by: string
  readonly commandId: string
  readonly command: string | null
  readonly outcome: "success" | "refusal"
  /** Events that it led to, up to `version`. */
  readonly events: number
}

export interface Linked {
  /** The event that caused the command of this one; null where none was named. */
  readonly cause: Place | null
  /** What reactions sent because of this event. */
  readonly sent: ReadonlyArray<Sent>
  /** What they sent because of the cause, apart from the command of this event. */
  readonly beside: ReadonlyArray<Sent>
}

/** Most commands of one event and one reaction that are looked for: reactions number theirs from 0, and may leave some out. */
const maxCommands = 8

/** The event that a reaction's id names, or that a sender named as `stream@version`. */
export const causeOf = ({
  causationId,
  commandId
}: {
  readonly causationId: string | null
  readonly commandId: string
}): Place | null => {
  const derived = isDerived(commandId) ? commandId.slice(1) : ""
  const [, streamId = "", version = ""] =
    /^(.+)@(\d{1,15})$/s.exec(causationId ?? "") ?? /^[^:]+:(.+):(\d{1,15}):\d+:\d+$/s.exec(derived) ?? []
  return isStreamId(streamId) && version !== "" ? { streamId, version: Number(version) } : null
}

/** Looks up what led to an event, and what followed from it. */
export const make = (app: Application) => {
  /** What reactions sent because of the event at this place. */
  const sentBy = Effect.fnUntraced(function* (
    place: Place
  ): Effect.fn.Return<ReadonlyArray<Sent>, LookupError | EntryDamaged, EventStore> {
    const store = yield* EventStore
    const sent: Array<Sent> = []
    for (const reaction of app.reactions) {
      const { name } = reaction
      const ids = Array.from({ length: reaction.version }, (_, index) =>
        Array.from({ length: maxCommands }, (_, n) => ReactionAttempts.commandIdOf(reaction, place, 0, index + 1)(n))
      )
      for (const id of ids.flat()) {
        const entry = (yield* store.findDecided(id))?.entry
        if (entry === undefined || entry.commandId === null || entry.streamId === null || entry.outcome === null)
          continue
        if (!Journal.isIntact(entry)) {
          const { sequence, streamId, version } = entry
          return yield* new EntryDamaged({ sequence, streamId, version })
        }
        const { command, commandId, events, outcome, streamId, version } = entry
        sent.push({ by: name, commandId, streamId, command, outcome, version, events })
      }
    }
    return sent
  })

  return {
    linksOf: Effect.fnUntraced(function* (
      event: Place & { readonly causationId: string | null; readonly commandId: string }
    ) {
      if (app.reactions.length === 0) return { cause: causeOf(event), sent: [], beside: [] } satisfies Linked
      const cause = causeOf(event)
      const beside = cause === null ? [] : yield* sentBy(cause)
      return {
        cause,
        sent: yield* sentBy(event),
        beside: beside.filter(({ commandId }) => commandId !== event.commandId)
      } satisfies Linked
    })
  }
}
