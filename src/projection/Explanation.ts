/**
 * `Explanation` is what `core/Explain.ts` and `core/ExplainCommand.ts` report, for any aggregate of an application,
 * with the links that its reactions make, in the form in which the command line and HTTP give it: JSON, with times of
 * RFC 3339.
 */
import { Effect } from "effect"
import type { AnyDefinition } from "../core/Definition.ts"
import { EventStore } from "../core/EventStore.ts"
import * as Explain from "../core/Explain.ts"
import * as ExplainCommand from "../core/ExplainCommand.ts"
import type { Application } from "./Application.ts"
import * as Conversation from "./Conversation.ts"

const timeOf = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** Explains states and commands of the application, with what its reactions had to do with them. */
export const make = (app: Application) => {
  const { linksOf } = Conversation.make(app)

  /** A page of the history of one aggregate. */
  const history = Effect.fnUntraced(function* (definition: AnyDefinition, id: string, options: Explain.Options) {
    const { next, steps, streamId } = yield* Explain.history(definition, id, options)
    const events = yield* Effect.forEach(steps, (step) =>
      Effect.map(linksOf(step), (links) => {
        const { running, recordedAt, streamId: _, ...rest } = step
        return { ...rest, recordedAt: timeOf(recordedAt), ...(running !== null && { field: running }), ...links }
      })
    )
    return { aggregate: definition.name, id, streamId, events, next }
  })

  /**
   * What became of a command; undefined where none has this id, or its stream is of no aggregate of the application.
   */
  const command = Effect.fnUntraced(function* (commandId: string, options?: ExplainCommand.Options) {
    const decided = yield* Effect.flatMap(EventStore, (store) => store.findDecided(commandId))
    const definition = app.ofStream(decided?.entry.streamId ?? "")?.definition
    if (decided === undefined || definition === undefined) return undefined
    const { recordedAt, ...told } = yield* ExplainCommand.explain(definition, decided, options)
    return { aggregate: definition.name, ...told, recordedAt: timeOf(recordedAt) }
  })

  return { history, command }
}

export type History = Effect.Effect.Success<ReturnType<ReturnType<typeof make>["history"]>>
export type Told = NonNullable<Effect.Effect.Success<ReturnType<ReturnType<typeof make>["command"]>>>
