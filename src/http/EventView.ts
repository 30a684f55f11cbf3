/** A stored event as clients see it: checked, and with its data as the current version reads. */
import { Either } from "effect"
import { Account, AccountId } from "../account/Account.ts"
import * as EventHash from "../core/EventHash.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import type * as AccountsApi from "./AccountsApi.ts"
import * as Failures from "./Failures.ts"
import type { Problem } from "./Problem.ts"

const accountPrefix = Account.streamId(AccountId.make("x")).slice(0, -1)

/**
 * The JSON of an event's data. Streams of aggregates that this version does not know show theirs as it is stored, and so does
 * an event that is several today, or none: it keeps its one place in the log.
 */
const dataOf = (stored: StoredEvent): Either.Either<string, unknown> => {
  if (!stored.streamId.startsWith(accountPrefix)) return Either.right(stored.data)
  return Either.flatMap(Account.codec.decode(stored), (events): Either.Either<string, unknown> => {
    const [event] = events
    return event === undefined || events.length > 1
      ? Either.right(stored.data)
      : Either.map(Account.codec.encode(event), ({ data }) => data)
  })
}

export const make = (stored: StoredEvent): Either.Either<AccountsApi.StoredEvent, Problem<"data-damaged">> => {
  const { commandId, correlationId, hash, position, recordedAt, schemaVersion, streamId, type, version } = stored
  if (!EventHash.isIntact(stored)) {
    return Either.left(Failures.damaged(new Error(`${streamId} version ${version}: its hash does not match`)))
  }
  return Either.mapBoth(dataOf(stored), {
    onLeft: Failures.damaged,
    onRight: (data) => ({
      position,
      streamId,
      version,
      type,
      schemaVersion,
      data: JSON.parse(data),
      commandId,
      correlationId,
      recordedAt: new Date(recordedAt).toISOString(),
      hash
    })
  })
}
