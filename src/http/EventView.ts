/** `EventView` shows a stored event as clients see it: with its data as the current version of its aggregate reads. */
import { Context, Either, Layer } from "effect"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type { Application } from "../projection/Application.ts"
import * as CurrentForm from "../projection/CurrentForm.ts"
import type { Aggregates } from "./Access.ts"
import * as Failures from "./Failures.ts"
import type { Problem } from "./Problem.ts"
import type * as ServiceApi from "./ServiceApi.ts"

export type Unreadable = Problem<"data-damaged"> | Problem<"newer-release">

/** Stored events as clients see them: in their current form. */
export class EventView extends Context.Tag("daybook/http/EventView")<
  EventView,
  {
    readonly of: (stored: StoredEvent) => Either.Either<ServiceApi.StoredEvent, Unreadable>
    /** The streams whose events a caller who is limited to these aggregates may see; null: all. */
    readonly streamsOf: (aggregates: Aggregates | null) => ReadonlySet<string> | null
  }
>() {}

/** With the codecs of the application's aggregates. */
export const layer = (app: Application): Layer.Layer<EventView> =>
  Layer.succeed(EventView, {
    streamsOf: (aggregates) =>
      aggregates &&
      new Set(
        app.aggregates.flatMap(({ definition, published }) =>
          Array.from(aggregates.get(published.name) ?? [], (id): string => definition.streamId(id))
        )
      ),
    of: (stored) =>
      Either.mapBoth(CurrentForm.of(app, stored), {
        onLeft: Failures.damaged,
        onRight: ({ data }) => ({
          position: stored.position,
          streamId: stored.streamId,
          version: stored.version,
          type: stored.type,
          schemaVersion: stored.schemaVersion,
          data: JSON.parse(data),
          commandId: stored.commandId,
          correlationId: stored.correlationId,
          recordedAt: new Date(stored.recordedAt).toISOString(),
          hash: stored.hash,
          sequence: stored.sequence,
          principal: stored.principal
        })
      })
  })
