/** `TimeTravel` tells an account as it was, at a version or at a time, from its events. */
import { Effect, Option } from "effect"
import { Account, type AccountId, type AccountState } from "../account/Account.ts"
import * as AccountBehaviour from "../account/AccountBehaviour.ts"
import type { Committed } from "../core/ActorSystem.ts"
import { EventStore } from "../core/EventStore.ts"
import * as Replay from "../core/Replay.ts"
import { SnapshotStore } from "../core/SnapshotStore.ts"
import * as Failures from "./Failures.ts"
import { HttpConfig } from "./HttpConfig.ts"
import { Problem } from "./Problem.ts"

const definition = Account.define(AccountBehaviour.behaviour)

/** The last version that was stored at the time, 0 for none. Times never decrease along a stream, so halving finds it. */
const versionAt = Effect.fnUntraced(function* (
  streamId: ReturnType<typeof Account.streamId>,
  head: number,
  at: number
) {
  const store = yield* EventStore
  let known = 0
  let above = head + 1
  while (known + 1 < above) {
    const middle = Math.floor((known + above) / 2)
    const [event] = yield* store.readStream(streamId, { from: middle, to: middle })
    if (event !== undefined && event.recordedAt <= at) known = middle
    else above = middle
  }
  return known
})

export const make = Effect.gen(function* () {
  const store = yield* EventStore
  const snapshots = yield* SnapshotStore
  const { maxTimeTravels } = yield* HttpConfig
  const permits = yield* Effect.makeSemaphore(maxTimeTravels)

  /** None where the account had not this version, or no version yet at this time. */
  return (id: AccountId, when: { readonly version: number } | { readonly at: number }) =>
    Effect.gen(function* () {
      const streamId = Account.streamId(id)
      const head = yield* store.head(streamId)
      if (head === 0) return yield* Effect.fail(new Problem("account-not-found"))
      const version = "version" in when ? when.version : yield* versionAt(streamId, head, when.at)
      if (version === 0 || version > head) return Option.none<Committed<AccountState>>()
      const { committed } = yield* Replay.recover(store, snapshots, definition, streamId, version)
      return Option.some(committed)
    }).pipe(
      permits.withPermits(1),
      Effect.provideService(EventStore, store),
      Effect.mapError((error) => {
        if (error instanceof Problem) return error
        if (error._tag === "StoreUnavailable") return Failures.storeUnavailable(error)
        return error._tag === "InvalidArgument" ? Failures.invalidArgument(error) : Failures.damaged(error)
      })
    )
})
