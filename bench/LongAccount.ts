/** An account with a long history, written through the store itself: for benchmarks of what reads one. */
import { Effect } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountBehaviour from "../src/bank/account/AccountBehaviour.ts"
import { EventStore, type ProposedCommand } from "../src/core/EventStore.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"

export const id = "long"
export const definition = Account.define(AccountBehaviour.behaviour)
const streamId = definition.streamId(id)

const eventOf = (version: number) =>
  version === 1
    ? {
        type: "AccountOpened",
        schemaVersion: 1,
        data: JSON.stringify({ accountId: id, owner: "Ada", currency: "EUR", overdraftLimit: "0.00" })
      }
    : {
        type: "Deposited",
        schemaVersion: 1,
        data: JSON.stringify({ amount: `${version % 1_000}.50`, reference: `number ${version}` })
      }

/** Writes `events` events in transactions of `batch` each, into a new file. */
export const write = (filename: string, events: number, batch: number): Promise<void> =>
  Effect.gen(function* () {
    const store = yield* EventStore
    for (let from = 0; from < events; from += batch) {
      // A command has 4,000 events at most.
      const commands: Array<ProposedCommand> = []
      for (let start = from; start < Math.min(from + batch, events); start += 1_000) {
        const count = Math.min(1_000, events - start)
        commands.push({
          commandId: `command-${start}`,
          isNew: true,
          command: "Deposit",
          fingerprint: "",
          correlationId: `command-${start}`,
          causationId: null,
          traceparent: null,
          events: Array.from({ length: count }, (_, index) => eventOf(start + index + 1)),
          outcome: "success",
          answer: () => ({ text: "{}", version: 1 })
        })
      }
      yield* store.append([{ streamId, expectedVersion: from, commands }])
    }
  }).pipe(Effect.provide(SqliteStore.layer({ filename, durability: "normal" })), Effect.runPromise)
