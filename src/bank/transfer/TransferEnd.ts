/** Whether a transfer has ended, by the last event of its stream: for those who keep what they owe it until then. */
import { Effect } from "effect"
import type { EventStore, ReadError } from "../../core/EventStore.ts"
import type { StreamId } from "../../core/StreamId.ts"
import { SourceRefunded, TransferCompleted, TransferRefused } from "./TransferEvents.ts"

/** After one of these comes none. */
const last: ReadonlySet<string> = new Set([TransferCompleted.tag, TransferRefused.tag, SourceRefunded.tag])

/** Whether the transfer has ended. */
export const hasEnded =
  (store: EventStore["Type"]) =>
  (transferId: string): Effect.Effect<boolean, ReadError> =>
    Effect.map(
      store.readStream(`transfer-${transferId}` as StreamId, { direction: "backwards", limit: 1 }),
      ({ events: [event] }) => event !== undefined && last.has(event.type)
    )
