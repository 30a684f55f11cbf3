/**
 * A client in another process, or in a browser: it needs the contracts and `fetch`. Usage: `node dist/src/visit.js URL`
 */
import process from "node:process"
import { Client } from "daybook/http/client"
import { Effect, Option, Stream } from "effect"
import { Reservation } from "./Reservation.js"
import { Show } from "./Show.js"

const baseUrl = process.argv[2] ?? "http://127.0.0.1:8080"
const options = { baseUrl, lookInterval: 20 }
const shows = Client.make(Show, options)
const reservations = Client.make(Reservation, options)

/** What became of the request, as soon as the service knows. */
const outcome = (id: string) =>
  reservations(id)
    .changes()
    .pipe(
      Stream.mapConcat(({ events }) => events),
      Stream.filter(({ _tag }) => _tag !== "Requested"),
      Stream.runHead,
      Effect.map(Option.match({ onNone: () => "unknown", onSome: ({ _tag }) => _tag }))
    )

/** The position at which the seats of a cancelled reservation were free again. */
const freed = (id: string) =>
  shows(id)
    .changes()
    .pipe(
      Stream.filter(({ events }) => events.some(({ _tag }) => _tag === "SeatsFreed")),
      Stream.runHead,
      Effect.map(Option.match({ onNone: () => 0, onSome: ({ stored }) => stored.position }))
    )

const visit = Effect.gen(function* () {
  const free = yield* shows("hamlet").Open({ title: "Hamlet", seats: 3 }, { commandId: "open hamlet" })
  console.log(`hamlet has ${free} seats`)
  yield* reservations("anna").Request({ show: "hamlet", seats: 2, guest: "Anna" }, { commandId: "anna asks" })
  console.log(`anna: ${yield* outcome("anna")}`)
  yield* reservations("bert").Request({ show: "hamlet", seats: 2, guest: "Bert" }, { commandId: "bert asks" })
  console.log(`bert: ${yield* outcome("bert")}`)

  const again = yield* Effect.flip(reservations("anna").Request({ show: "hamlet", seats: 1, guest: "Anna" }))
  console.log(`anna again: ${again._tag}`)
  const hidden = yield* Effect.flip(shows("hamlet").Take({ reservation: "x", seats: 1 }))
  console.log(`take: ${hidden._tag === "RequestFailed" ? hidden.code : hidden._tag}`)

  yield* reservations("anna").Cancel({ by: "Anna" }, { commandId: "anna cancels" })
  const minPosition = yield* freed("hamlet")
  const { state, version } = yield* shows("hamlet").state
  console.log(`hamlet is ${state.status}, at version ${version}, and ${state.taken.length} seats are taken`)
  const response = yield* Effect.promise(() => fetch(`${baseUrl}/occupancy?minPosition=${minPosition}`))
  console.log(`${response.status} ${yield* Effect.promise(() => response.text())}`)
})

await Effect.runPromise(visit)
