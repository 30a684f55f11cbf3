/** Events as their readers get them: upcast and decoded, beside what is stored of them. */
import type { StoredEvent } from "./StoredEvent.ts"

/** One event. */
export interface Recorded<E> {
  readonly event: E
  readonly stored: StoredEvent
}

/** One place in the log: one event; several where it was split, none where it was retired. */
export interface Step<E> {
  readonly events: ReadonlyArray<E>
  readonly stored: StoredEvent
}
