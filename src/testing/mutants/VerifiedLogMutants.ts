/** Stores with one fault each that anyone who reads a damaged log meets, for the rules of `VerifiedLogConformance`. */
import { Effect } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import type { SnapshotStore } from "../../core/SnapshotStore.ts"
import { StoreUnavailable, StreamDamaged } from "../../core/StoreError.ts"
import type { Tampering } from "../Tampering.ts"
import type { Mutant } from "./Mutant.ts"
import { storeMutant as mutant } from "./PortMutant.ts"

type Needs = EventStore | SnapshotStore | Tampering
export const VerifiedLogMutants: ReadonlyArray<Mutant<Needs>> = [
  mutant("says before a damaged event that nothing follows", ["an event of which"], ({ readStream }) => ({
    readStream: (streamId, options) =>
      Effect.map(readStream(streamId, options), ({ events, more }) => ({ events, more: more && options !== undefined }))
  })),
  mutant(
    "says before a damaged event that nothing follows backwards",
    ["an event that is missing", "an event of which"],
    ({ readStream }) => ({
      readStream: (streamId, options) =>
        Effect.map(readStream(streamId, options), ({ events, more }) => ({
          events,
          more: more && options?.direction !== "backwards"
        }))
    })
  ),
  mutant("knows no last entry of a stream", ["a stream whose last", "an actor, its live"], () => ({
    lastEntry: () => Effect.succeed(undefined)
  })),
  mutant("stores nothing more once it found damage", ["an actor, its live"], ({ append, readStream }) => {
    let isDamaged = false
    return {
      append: (requests, place) =>
        Effect.suspend(() =>
          isDamaged
            ? new StoreUnavailable({ operation: "append", cause: new Error("a stream is damaged") })
            : append(requests, place)
        ),
      readStream: (streamId, options) =>
        Effect.tapErrorTag(readStream(streamId, options), "StreamDamaged", () =>
          Effect.sync(() => {
            isDamaged = true
          })
        )
    }
  }),
  mutant(
    "takes the event behind the damaged one for it",
    ["a subscription gives", "an event of which"],
    ({ readAll }) => ({
      readAll: (after, limit) =>
        Effect.catchTag(
          readAll(after, limit),
          "StreamDamaged",
          (error) => new StreamDamaged({ ...error, position: error.position === null ? null : error.position + 1 })
        )
    })
  )
]
