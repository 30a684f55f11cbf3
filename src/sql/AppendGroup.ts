/**
 * Many appends in one transaction, each as if it were alone: what the store knows is read once for all, each append is
 * planned on top of those before it, and each command of it has a verdict of its own.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import { Cause, Effect, Either } from "effect"
import * as AppendPlan from "../core/AppendPlan.ts"
import type { AppendRequest, AppendResult, Head, ProposedCommand } from "../core/EventStore.ts"
import type { JournalEntry } from "../core/Journal.ts"
import type * as KeptPayload from "../core/KeptPayload.ts"
import * as RecordedAt from "../core/RecordedAt.ts"
import type { Statements, Stored } from "../core/Statements.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { type OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import type { Known, LogStatements } from "./LogStatements.ts"
import { innermost } from "./SqlDatabase.ts"

/** One append whose requests `AppendPlan.check` found sound. */
export interface AppendCall {
  readonly requests: ReadonlyArray<AppendRequest>
  /** Commands of it that cannot be stored. */
  readonly misfits: AppendPlan.Misfits
  /** When it was called, in milliseconds. */
  readonly now: number
}

export interface Written {
  /** In the order of the calls. */
  readonly results: ReadonlyArray<AppendResult>
  readonly eventCount: number
  /** An entry that the clock of a later one shows to have been ahead, and the time of that clock. */
  readonly ahead: { readonly last: RecordedAt.Timed; readonly now: number } | undefined
}

interface Rows {
  readonly events: ReadonlyArray<StoredEvent>
  readonly entries: ReadonlyArray<JournalEntry>
  readonly payloads: ReadonlyArray<KeptPayload.Row>
}

interface Planned extends Rows, Omit<Written, "eventCount"> {
  readonly known: Known
}

/** What becomes of the calls, and the rows that follow. Within a transaction of the caller. */
const plan = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  calls: ReadonlyArray<AppendCall>,
  maxClockLead: number
): Effect.fn.Return<Planned, SqlError> {
  const streamIds = new Set<string>()
  const names = new Set<string>()
  const commandIds: Array<string> = []
  for (const { misfits, requests } of calls) {
    for (const { streamId, commands } of requests) {
      streamIds.add(streamId)
      for (const proposed of commands) {
        // Nothing is looked up under a text that the database would refuse.
        if (misfits.has(proposed)) continue
        const { command, commandId, events, isNew, outcome } = proposed
        if (!isNew) commandIds.push(commandId)
        if (outcome !== "unstored") names.add(command)
        for (const { type } of events) names.add(type)
      }
    }
  }
  const known: Known = yield* log.selectKnown(connection, { streamIds, names })
  const commands: Map<string, ReturnType<AppendPlan.LogState["command"]>> = commandIds.length === 0
    ? new Map()
    : yield* log.selectCommands(connection, commandIds)
  let { hash, lastPosition: position, recordedAt, sequence } = yield* log.selectEnd(connection, undefined)

  const heads = new Map<string, Head>()
  const events: Array<StoredEvent> = []
  const entries: Array<JournalEntry> = []
  const payloads: Array<KeptPayload.Row> = []
  let ahead: Written["ahead"]
  const results = calls.map(({ misfits, now, requests }) => {
    const planned = AppendPlan.plan(requests, misfits, {
      head: (streamId) => heads.get(streamId) ?? known.streams.get(streamId)?.head ?? AppendPlan.noHead,
      command: (commandId) => commands.get(commandId),
      lastPosition: position,
      end: { sequence, hash },
      recordedAt: RecordedAt.next(recordedAt, now, maxClockLead)
    })
    if (planned.entries.length > 0 && RecordedAt.isAhead(recordedAt, now, maxClockLead)) {
      ahead ??= { last: { sequence, recordedAt }, now }
    }
    for (const event of planned.events) {
      events.push(event)
      heads.set(event.streamId, event)
      position = event.position
    }
    for (const entry of planned.entries) {
      entries.push(entry)
      sequence = entry.sequence
      hash = entry.hash
      recordedAt = entry.recordedAt
    }
    for (const payload of planned.payloads) payloads.push(payload)
    for (const { verdicts } of planned.result) {
      for (const verdict of verdicts) {
        if (verdict._tag === "Stored") commands.set(verdict.command.commandId, verdict.command)
      }
    }
    return planned.result
  })
  return { results, events, entries, payloads, ahead, known }
})

/** Within a transaction of the caller. */
export const write = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  calls: ReadonlyArray<AppendCall>,
  maxClockLead: number
): Effect.fn.Return<Written, SqlError> {
  const { ahead, entries, events, known, payloads, results } = yield* plan(connection, log, calls, maxClockLead)
  yield* log.insert(connection, known, { events, entries, payloads })
  return { results, eventCount: events.length, ahead }
})

/** The rows of each command, in their order. */
const byCommand = ({ entries, events, payloads }: Rows): ReadonlyArray<Rows & { readonly entry: JournalEntry }> =>
  entries.map((entry) => ({
    entry,
    entries: [entry],
    events: events.filter(({ sequence }) => sequence === entry.sequence),
    payloads: payloads.filter(({ sequence }) => sequence === entry.sequence)
  }))

/**
 * Runs the statements that a command brings. Fails where the transaction cannot go on; where it can, returns why the
 * statements failed.
 */
export type RunStatements = (
  statements: Statements,
  stored: Stored
) => Effect.Effect<Cause.Cause<unknown> | undefined, SqlError | OutcomeUnknown>

/**
 * One append, command by command, where the database has refused a row of it, or commands bring statements: the command
 * at fault is refused, and the append planned again without it. Within a transaction of the caller; `isOfRow` tells a
 * refused row from a fault of the database.
 */
export const writeSingly = Effect.fnUntraced(function* (
  connection: Connection,
  log: LogStatements,
  call: AppendCall,
  maxClockLead: number,
  isOfRow: (error: SqlError) => boolean,
  runStatements: RunStatements
): Effect.fn.Return<Written, SqlError | OutcomeUnknown> {
  const proposed = new Map<string | null, ProposedCommand>(
    call.requests.flatMap(({ commands }) => commands.map((command) => [command.commandId, command]))
  )
  const misfits = new Map(call.misfits)
  for (;;) {
    yield* connection.executeRaw("SAVEPOINT singly", [])
    const planned = yield* plan(connection, log, [{ ...call, misfits }], maxClockLead)
    let refused: ProposedCommand | undefined
    for (const { entry, ...rows } of byCommand(planned)) {
      const written = yield* Effect.either(log.insert(connection, planned.known, rows))
      if (Either.isRight(written)) {
        const command = proposed.get(entry.commandId)
        const { commandId, position, streamId, version } = entry
        if (command?.statements === undefined || commandId === null || streamId === null) continue
        const failure = yield* runStatements(command.statements, { commandId, position, streamId, version })
        if (failure === undefined) continue
        refused = command
        command.statements.failure = failure
        misfits.set(command, new StoreUnavailable({ operation: "append", cause: Cause.squash(failure) }))
        break
      }
      refused = proposed.get(entry.commandId)
      if (refused === undefined || !isOfRow(written.left)) return yield* Effect.fail(written.left)
      misfits.set(refused, new StoreUnavailable({ operation: "append", cause: innermost(written.left) }))
      break
    }
    if (refused !== undefined) yield* connection.executeRaw("ROLLBACK TO singly", [])
    yield* connection.executeRaw("RELEASE singly", [])
    if (refused === undefined) {
      return { results: planned.results, eventCount: planned.events.length, ahead: planned.ahead }
    }
  }
})
