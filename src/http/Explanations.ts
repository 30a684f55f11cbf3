/**
 * How a state came to be and what became of a command, for a service: few such questions at once, and what they cannot
 * have as a `Problem`.
 */
import { Effect } from "effect"
import type { AnyDefinition } from "../core/Definition.ts"
import { EventStore } from "../core/EventStore.ts"
import type { ExplainError } from "../core/Explain.ts"
import type { ExplainCommandError } from "../core/ExplainCommand.ts"
import * as Replay from "../core/Replay.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { Application } from "../projection/Application.ts"
import type { Sent } from "../projection/Conversation.ts"
import * as Explanation from "../projection/Explanation.ts"
import type { Aggregates } from "./Access.ts"
import { defaultLimit } from "./ApiParts.ts"
import * as Failures from "./Failures.ts"
import { HttpConfig } from "./HttpConfig.ts"
import * as Places from "./Places.ts"
import { Problem } from "./Problem.ts"
import * as Reach from "./Reach.ts"
import * as Session from "./Session.ts"

const missing = Failures.ofPast(() => new Problem("aggregate-not-found"))

const toProblem = (error: ExplainError) =>
  error._tag === "UnstorableState" ? new Problem("internal", { cause: error }) : missing(error)

const ofCommand = (error: ExplainCommandError) => {
  switch (error._tag) {
    case "UnreadableAnswer":
      return new Problem("answer-unreadable", { cause: error })
    case "UnstorableState":
      return new Problem("internal", { cause: error })
    default:
      return Failures.ofReplay(error)
  }
}

export interface Asked {
  readonly after?: number
  readonly limit?: number
  readonly version?: number
  readonly at?: string
  readonly field?: string
}

export const make = (app: Application) => {
  const isReached = (only: Aggregates | null, { streamId }: Sent): boolean => {
    const definition = app.ofStream(streamId)?.definition
    const id = definition === undefined ? "" : streamId.slice(definition.streamId("").length)
    return Reach.reaches(only, definition?.name ?? "", id)
  }

  /** Links lead to other aggregates: a caller whose token is for some has those that lead to these. */
  const withinReach = (found: Explanation.History) =>
    Effect.map(Session.caller, (caller): Explanation.History => {
      const only = caller?.aggregates ?? null
      const reached = (sent: ReadonlyArray<Sent>) => sent.filter((each) => isReached(only, each))
      const events = found.events.map((event) => ({
        ...event,
        sent: reached(event.sent),
        beside: reached(event.beside)
      }))
      return { ...found, events }
    })

  return Effect.gen(function* () {
    const context = yield* Effect.context<EventStore | SnapshotStore | Places.Places>()
    const store = yield* EventStore
    const { maxRedecisions, maxTimeTravels } = yield* HttpConfig
    const permits = yield* Effect.makeSemaphore(maxTimeTravels)
    const explanation = Explanation.make(app)
    const bounded = <A, E>(effect: Effect.Effect<A, E, EventStore | SnapshotStore>) =>
      effect.pipe(permits.withPermits(1), Places.waiting, Effect.provide(context))

    return {
      history: (definition: AnyDefinition, id: string, asked: Asked) =>
        Effect.gen(function* () {
          const { after = 0, at, field, limit = defaultLimit, version } = asked
          if (at !== undefined && version !== undefined) {
            return yield* Effect.fail(new Problem("invalid-request", { detail: "Give version or at, not both." }))
          }
          const end = yield* Effect.mapError(Replay.endOf(store, definition.streamId(id)), toProblem)
          if (end === 0) return yield* Effect.fail(new Problem("aggregate-not-found"))
          const to = version !== undefined ? { version } : at !== undefined ? { at: new Date(at) } : undefined
          const found = explanation.history(definition, id, {
            after,
            limit,
            ...(field !== undefined && { field }),
            ...(to !== undefined && { to })
          })
          return yield* withinReach(yield* Effect.mapError(found, toProblem))
        }).pipe(bounded),

      command: (definition: AnyDefinition, id: string, commandId: string) =>
        Effect.gen(function* () {
          const found = yield* Effect.mapError(explanation.command(commandId, { maxEvents: maxRedecisions }), ofCommand)
          if (found === undefined || found.streamId !== definition.streamId(id)) {
            return yield* Effect.fail(new Problem("command-not-found"))
          }
          return found
        }).pipe(bounded)
    }
  })
}
