/**
 * `CommandAnswer` is what requests that are commands have in common: how they are sent to an aggregate, and which
 * header fields its answer has.
 */
import { Effect } from "effect"
import { CurrentCommand } from "./CurrentCommand.ts"
import * as FormerFingerprint from "./FormerFingerprint.ts"

export interface Sending {
  /** The route of the request, without the method. */
  readonly route: string
  /** What of the payload the route says, and not the body. */
  readonly named?: Readonly<Record<string, string>>
  /** From `If-Match`. */
  readonly expectedVersion?: number | undefined
}

/** What every command is sent with. */
export const options = Effect.fnUntraced(function* ({ expectedVersion, named, route }: Sending) {
  const { commandId, sent } = yield* CurrentCommand
  // It fitted its schema, or it was not to be; only a request without fields may come without a body.
  const body = (sent() ?? {}) as object
  return {
    commandId,
    said: { ...body, ...named },
    formerFingerprint: FormerFingerprint.of(`POST ${route}`, body),
    ...(expectedVersion !== undefined && { expectedVersion })
  }
})

/** The header fields of every command's answer. */
export const headersOf = ({
  position,
  replayed,
  version
}: {
  position: number
  replayed: boolean
  version: number
}) => ({
  // What does not exist has none: the boundary sends the log's end.
  ...(position > 0 && { "daybook-position": String(position) }),
  etag: `"${version}"`,
  ...(replayed && { "idempotency-replayed": "true" })
})
