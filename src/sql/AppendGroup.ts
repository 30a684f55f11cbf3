/**
 * Many appends in one transaction, each as if it were alone: what the store knows is read once for all, each append is
 * planned on top of those before it, and one that is refused fails alone.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Either } from "effect"
import * as AppendPlan from "../core/AppendPlan.ts"
import type { AppendRequest, AppendResult, Head, StoredCommand } from "../core/EventStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { LogStatements } from "./LogTables.ts"

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
}

/** Within a transaction of the caller. */
export const write = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  calls: ReadonlyArray<AppendCall>
): Effect.fn.Return<Written, SqlError> {
  const streamIds = new Set<string>()
  const commandIds: Array<string> = []
  for (const { requests } of calls) {
    for (const { streamId, commands } of requests) {
      streamIds.add(streamId)
      for (const { commandId, isNew } of commands) if (!isNew) commandIds.push(commandId)
    }
  }
  const heads: Map<string, Head> = yield* log.selectHeads(connection, streamIds)
  const known: Map<string, StoredCommand> =
    commandIds.length === 0 ? new Map() : yield* log.selectCommands(connection, commandIds)
  const end = yield* log.selectEnd(connection)

  const events: Array<StoredEvent> = []
  const commands: Array<StoredCommand> = []
  let lastPosition = end.position
  let recordedAt = end.recordedAt
  const results = calls.map(({ requests, now }) => {
    const planned = AppendPlan.plan(requests, {
      head: (streamId) => heads.get(streamId) ?? AppendPlan.noHead,
      command: (commandId) => known.get(commandId),
      lastPosition,
      recordedAt: Math.max(now, recordedAt)
    })
    return Either.map(planned, (plan) => {
      for (const event of plan.events) {
        events.push(event)
        heads.set(event.streamId, event)
        lastPosition = event.position
        recordedAt = event.recordedAt
      }
      if (plan.result._tag === "Appended") {
        for (const command of plan.result.commands) {
          commands.push(command)
          known.set(command.commandId, command)
        }
      }
      return plan.result
    })
  })
  yield* log.insertEvents(connection, events)
  yield* log.insertCommands(connection, commands)
  return { results, eventCount: events.length }
})
