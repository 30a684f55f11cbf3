/** A stored event as clients see it: with its data as the current version reads. */
import { Either } from "effect"
import { Account } from "../bank/account/Account.ts"
import { AccountId, TransferId } from "../bank/account/AccountTerms.ts"
import type * as AccountsApi from "../bank/http/AccountsApi.ts"
import { Transfer } from "../bank/transfer/Transfer.ts"
import type { EventCodec } from "../core/EventCodec.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as Failures from "./Failures.ts"
import type { Problem } from "./Problem.ts"

/** The JSON of an event's data. One that is several today, or none, shows it as it is stored: it keeps its one place in the log. */
const reencode =
  <E extends { readonly _tag: string }>(codec: EventCodec<E>) =>
  (stored: StoredEvent): Either.Either<string, unknown> =>
    Either.flatMap(codec.decode(stored), (events): Either.Either<string, unknown> => {
      const [event] = events
      return event === undefined || events.length > 1
        ? Either.right(stored.data)
        : Either.map(codec.encode(event), ({ data }) => data)
    })

const prefixOf = (streamId: string): string => streamId.slice(0, -1)
const codecs = [
  [prefixOf(Account.streamId(AccountId.make("x"))), reencode(Account.codec)],
  [prefixOf(Transfer.streamId(TransferId.make("x"))), reencode(Transfer.codec)]
] as const

/** Streams of aggregates that this version does not know show their data as it is stored. */
const dataOf = (stored: StoredEvent): Either.Either<string, unknown> => {
  const known = codecs.find(([prefix]) => stored.streamId.startsWith(prefix))
  return known === undefined ? Either.right(stored.data) : known[1](stored)
}

export const make = (stored: StoredEvent): Either.Either<AccountsApi.StoredEvent, Problem<"data-damaged">> => {
  const { commandId, correlationId, hash, position, recordedAt, schemaVersion, streamId, type, version } = stored
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
