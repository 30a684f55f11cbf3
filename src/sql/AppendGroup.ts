/**
 * Many appends in one transaction, each as if it were alone: what the store knows is read once for all, each append is
 * planned on top of those before it, and one that is refused fails alone.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Either } from "effect"
import * as AppendPlan from "../core/AppendPlan.ts"
import type { AppendRequest, AppendResult, Head, StoredCommand } from "../core/EventStore.ts"
import type { JournalEntry } from "../core/Journal.ts"
import * as RecordedAt from "../core/RecordedAt.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { EntryDamaged } from "../core/StoreError.ts"
import type { Known, LogStatements } from "./LogStatements.ts"

/** One append whose requests `AppendPlan.validate` found sound. */
export interface AppendCall {
  readonly requests: ReadonlyArray<AppendRequest>
  /** When it was called, in milliseconds. */
  readonly now: number
}

export interface Written {
  /** In the order of the calls. */
  readonly results: ReadonlyArray<Either.Either<AppendResult, AppendPlan.Refusal>>
  readonly eventCount: number
  /** The entry that the clock of a later one shows to be ahead of it, and the time of that clock. */
  readonly ahead: { readonly last: RecordedAt.Timed; readonly now: number } | undefined
}

/** Within a transaction of the caller. */
export const write = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  calls: ReadonlyArray<AppendCall>,
  maxClockLead: number
): Effect.fn.Return<Written, SqlError> {
  const streamIds = new Set<string>()
  const names = new Set<string>()
  const commandIds: Array<string> = []
  for (const { requests } of calls) {
    for (const { streamId, commands } of requests) {
      streamIds.add(streamId)
      for (const { command, commandId, events, isNew, outcome } of commands) {
        if (!isNew) commandIds.push(commandId)
        if (outcome !== "unkept") names.add(command)
        for (const { type } of events) names.add(type)
      }
    }
  }
  const known: Known = yield* log.selectKnown(connection, { streamIds, names })
  const commands: Map<string, StoredCommand | EntryDamaged> =
    commandIds.length === 0 ? new Map() : yield* log.selectCommands(connection, commandIds)
  let { hash, position, recordedAt, sequence } = yield* log.selectEnd(connection, undefined)

  const heads = new Map<string, Head>()
  const events: Array<StoredEvent> = []
  const entries: Array<JournalEntry> = []
  let ahead: Written["ahead"]
  const results = calls.map(({ requests, now }) => {
    const planned = AppendPlan.plan(requests, {
      head: (streamId) => heads.get(streamId) ?? known.streams.get(streamId)?.head ?? AppendPlan.noHead,
      command: (commandId) => commands.get(commandId),
      lastPosition: position,
      end: { sequence, hash },
      recordedAt: RecordedAt.next(recordedAt, now, maxClockLead)
    })
    return Either.map(planned, (plan) => {
      if (plan.entries.length > 0 && RecordedAt.isAhead(recordedAt, now, maxClockLead)) {
        ahead ??= { last: { sequence, recordedAt }, now }
      }
      for (const event of plan.events) {
        events.push(event)
        heads.set(event.streamId, event)
        position = event.position
      }
      for (const entry of plan.entries) {
        entries.push(entry)
        sequence = entry.sequence
        hash = entry.hash
        recordedAt = entry.recordedAt
      }
      if (plan.result._tag === "Appended") {
        for (const command of plan.result.commands) commands.set(command.commandId, command)
      }
      return plan.result
    })
  })
  yield* log.insert(connection, known, { events, entries })
  return { results, eventCount: events.length, ahead }
})
