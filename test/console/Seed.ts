/**
 * What services have before somebody looks at them: accounts of the bank with a history, transfers, and a command that
 * was refused; shows.
 */
import { Effect } from "effect"
import { EventStore } from "../../src/core/EventStore.ts"
import { StreamId } from "../../src/core/StreamId.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { proposed } from "../../src/testing/ProposedCommand.ts"
import * as Service from "../http/Service.ts"

const accounts = ["anna", "ben", "carla", "dora", "emil"]

/** Under which a client of the bank traced what it did. */
export const trace = "4bf92f3577b34da6a3ce929d0e0e4736"

/** The same each time; `headers` for a service that asks for a token. */
export const bank = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const post = (path: string, key: string, body: object, more: Readonly<Record<string, string>> = {}) =>
      Effect.flatMap(Service.ask(`${url}${path}`, { body, key, headers: { ...headers, ...more } }), (answer) =>
        answer.status < 500 ? Effect.succeed(answer) : Effect.die(new Error(`${path} ${answer.text}`))
      )
    for (const [index, accountId] of accounts.entries()) {
      const owner = `${accountId[0]?.toUpperCase()}${accountId.slice(1)} Example`
      yield* post("/accounts", `open-${accountId}`, { accountId, owner, currency: "EUR", overdraftLimit: "100" })
      yield* post(`/accounts/${accountId}/deposits`, `salary-${accountId}`, {
        amount: `${1_200 + index * 150}.00`,
        reference: "salary"
      })
    }
    for (let day = 1; day <= 24; day++) {
      const amount = `${((day * 37) % 90) + 5}.${String((day * 13) % 100).padStart(2, "0")}`
      const kind = day % 4 === 0 ? "deposits" : "withdrawals"
      yield* post(`/accounts/anna/${kind}`, `day-${day}`, { amount, reference: `receipt ${day}` })
    }
    yield* post("/transfers", "rent-1", { transferId: "rent-1", from: "anna", to: "ben", amount: "250" })
    yield* post("/transfers", "rent-2", { transferId: "rent-2", from: "carla", to: "dora", amount: "75.50" })
    yield* post("/transfers", "too-much", { transferId: "too-much", from: "ben", to: "nobody", amount: "10" })
    const traceparent = `00-${trace}-00f067aa0ba902b7-01`
    yield* post("/accounts/emil/withdrawals", "refused-1", { amount: "99999" }, { traceparent })
  })

/** A show of `examples/reservation` from before it had a title, as an earlier release stored it. */
export const untitledShow = (filename: string) =>
  Effect.flatMap(EventStore, (store) =>
    store.append([
      {
        streamId: StreamId.make("show-macbeth"),
        expectedVersion: 0,
        commands: [
          proposed("open-macbeth", {
            isNew: true,
            command: "Open",
            events: [{ type: "Opened", schemaVersion: 1, data: '{"seats":5}' }]
          })
        ]
      }
    ])
  ).pipe(Effect.provide(SqliteStore.layer({ filename })))

/** Of `examples/reservation`: a show that is sold out, and what became of two who asked for it, once it is there. */
export const reservation = (url: string) =>
  Effect.gen(function* () {
    const send = (path: string, body: object) => Service.ask(`${url}/aggregates/${path}`, { body, key: path })
    yield* send("Show/hamlet/Open", { title: "Hamlet", seats: 3 })
    const status = (id: string) =>
      Effect.map(Service.ask(`${url}/aggregates/Reservation/${id}`), ({ json }) => json.state.status as string)
    for (const guest of ["anna", "bert"]) {
      yield* send(`Reservation/${guest}/Request`, { show: "hamlet", seats: 2, guest })
      yield* Effect.repeat(status(guest), { until: (now) => now !== "requested" })
    }
  })
