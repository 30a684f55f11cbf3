/** `Stream` finds what a verb is about by the name of a stream: the aggregate of the application, and its id. */
import { Effect } from "effect"
import type { AnyDefinition } from "../core/Definition.ts"
import { EventStore } from "../core/EventStore.ts"
import * as Replay from "../core/Replay.ts"
import { isStreamId } from "../core/StreamId.ts"
import type { Application } from "../projection/Application.ts"
import * as Output from "./Output.ts"
import { Finding, UsageError } from "./UsageError.ts"

/** A name for the first aggregate of the application. */
export const exampleOf = ({ aggregates: [first] }: Application): string => first?.definition.streamId("ID") ?? "NAME-ID"

export interface Found {
  readonly definition: AnyDefinition
  readonly id: string
}

/** Fails where the name is none, is of no aggregate of the application, or has no events. */
export const find = (app: Application, name: string) =>
  Effect.gen(function* () {
    const definition = app.ofStream(name)?.definition
    if (!isStreamId(name) || definition === undefined) {
      return yield* new UsageError({ reason: `STREAM is not a stream of ${app.name}; try ${exampleOf(app)}` })
    }
    const store = yield* EventStore
    // A stream of which nothing is left is damaged, and not one that never was.
    if ((yield* store.head(name)).version > 0 || (yield* Replay.endOf(store, name)) > 0)
      return { definition, id: name.slice(definition.streamId("").length) } satisfies Found
    return yield* new Finding({ reason: `there is no stream ${Output.plain(name)}; try ${exampleOf(app)}` })
  })
