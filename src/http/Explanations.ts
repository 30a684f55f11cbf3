/** How a state came to be and what became of a command, for a service: few such questions at once, and what they cannot have as a `Problem`. */
import { Effect } from "effect"
import type { AnyDefinition } from "../core/Definition.ts"
import { EventStore } from "../core/EventStore.ts"
import type { ExplainError } from "../core/Explain.ts"
import type { ExplainCommandError } from "../core/ExplainCommand.ts"
import type { SnapshotStore } from "../core/SnapshotStore.ts"
import type { Application } from "../projection/Application.ts"
import * as Explanation from "../projection/Explanation.ts"
import { defaultLimit } from "./ApiParts.ts"
import * as Failures from "./Failures.ts"
import { HttpConfig } from "./HttpConfig.ts"
import * as Places from "./Places.ts"
import { Problem } from "./Problem.ts"

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

export const make = (app: Application) =>
  Effect.gen(function* () {
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
          const head = yield* Effect.mapError(store.head(definition.streamId(id)), Failures.ofReading)
          if (head.version === 0) return yield* Effect.fail(new Problem("aggregate-not-found"))
          const to = version !== undefined ? { version } : at !== undefined ? { at: new Date(at) } : undefined
          const found = explanation.history(definition, id, {
            after,
            limit,
            ...(field !== undefined && { field }),
            ...(to !== undefined && { to })
          })
          return yield* Effect.mapError(found, toProblem)
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
