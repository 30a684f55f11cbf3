/** `StoredCommands` finds what is kept under a command's id, for requests that do not say which stream it is of. */
import { Effect } from "effect"
import type { EventStore, LookupError, StoredCommand } from "../core/EventStore.ts"
import * as Journal from "../core/Journal.ts"
import { EntryDamaged } from "../core/StoreError.ts"

/** Undefined where no command is stored under the id. */
export const find = (
  store: EventStore["Type"],
  commandId: string
): Effect.Effect<StoredCommand | undefined, LookupError | EntryDamaged> =>
  Effect.flatMap(store.findDecided(commandId), (found) => {
    if (found === undefined) return Effect.succeed(undefined)
    const { entry } = found
    if (Journal.isIntact(entry)) return Effect.succeed(Journal.commandOf(entry))
    const { sequence, streamId, version } = entry
    return new EntryDamaged({ sequence, streamId: streamId ?? "journal", version })
  })
