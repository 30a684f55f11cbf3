/**
 * `FeedMessages` is the feed's events as the bytes of server-sent events. Followers at the end of the log get the very
 * same stored events (see `projection/Tail.ts`), so that each is decoded and serialised once, however many take it.
 */
import { Buffer } from "node:buffer"
import { Either } from "effect"
import type { StoredEvent } from "../core/StoredEvent.ts"

/** JSON has no line break of its own, so that one `data:` line holds an event. */
const textOf = (event: { readonly position: number; readonly type: string }): string =>
  `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

/**
 * A client takes one piece before the next is written: what waits for a slow one is one of them, whatever a page holds.
 */
const pieceBytes = 65_536

/**
 * The messages of a page as few pieces of bytes, up to the first event that cannot be shown; and then why it cannot.
 */
export const make = <V extends { readonly position: number; readonly type: string }, X>(
  view: (stored: StoredEvent) => Either.Either<V, X>
) => {
  /** For as long as anybody holds the event itself. */
  const known = new WeakMap<StoredEvent, Buffer>()
  const messageOf = (stored: StoredEvent): Either.Either<Buffer, X> => {
    const made = known.get(stored)
    if (made !== undefined) return Either.right(made)
    return Either.map(view(stored), (event) => {
      const message = Buffer.from(textOf(event))
      known.set(stored, message)
      return message
    })
  }
  return (page: Iterable<StoredEvent>): ReadonlyArray<Either.Either<Buffer, X>> => {
    const pieces: Array<Either.Either<Buffer, X>> = []
    let messages: Array<Buffer> = []
    let bytes = 0
    const join = (): void => {
      if (messages.length === 0) return
      pieces.push(Either.right(messages.length === 1 ? (messages[0] as Buffer) : Buffer.concat(messages)))
      messages = []
      bytes = 0
    }
    for (const stored of page) {
      const message = messageOf(stored)
      if (Either.isLeft(message)) {
        join()
        return [...pieces, message]
      }
      messages.push(message.right)
      bytes += message.right.length
      if (bytes >= pieceBytes) join()
    }
    join()
    return pieces
  }
}
