/** The answers to requests about transfers. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Option } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import * as StreamId from "../../core/StreamId.ts"
import * as CommandAnswer from "../../http/CommandAnswer.ts"
import * as NewId from "../../http/NewId.ts"
import { Places } from "../../http/Places.ts"
import { TransferId } from "../account/AccountSchemas.ts"
import { Transfer } from "../transfer/Transfer.ts"
import { type Requested, Transfers } from "../transfer/Transfers.ts"
import { AccountsApi } from "./AccountsApi.ts"
import * as BankProblem from "./BankProblem.ts"
import * as Refusals from "./Refusals.ts"

const made: NewId.Kind = { what: "transfer", prefix: StreamId.prefixOf(Transfer.aggregate) }

/** 201 for a transfer that is completed, 202 for one that is on its way; one that was refused is a problem. */
const answer = (requested: Requested) => {
  const { replayed } = requested
  if ("refusal" in requested) {
    const headers = CommandAnswer.headersOf(requested)
    return Effect.fail(Refusals.ofTransferRefusal(requested.refusal).with({ headers }))
  }
  const { transfer } = requested
  // What a transfer under way answers changes, so it is not the answer that was given before.
  const headers = CommandAnswer.headersOf({ ...requested, replayed: replayed && transfer.status !== "pending" })
  if (transfer.status === "refused") return Effect.fail(refusal(transfer.reason).with({ headers }))
  return Effect.succeed(
    HttpServerResponse.unsafeJson(transfer, {
      status: transfer.status === "completed" ? 201 : 202,
      headers: { ...headers, location: `/transfers/${transfer.transferId}` }
    })
  )
}

/** The reasons for which the source would refuse a withdrawal have the code of that. */
const refusal = (reason = "") => {
  if (reason === "insufficient-funds") return BankProblem.make("insufficient-funds", { detail: "the source has less" })
  if (reason === "too-many-transfers") {
    return BankProblem.make("too-many-transfers", { detail: "the source has as many transfers under way as it may" })
  }
  if (reason === "source-closed") return BankProblem.make("account-closed", { detail: "the source is closed" })
  return BankProblem.make("transfer-refused", { detail: `the transfer was refused: ${reason}` })
}

export const layer = HttpApiBuilder.group(AccountsApi, "transfers", (handlers) =>
  Effect.gen(function* () {
    const transfers = yield* Transfers
    const places = yield* Places
    const store = yield* EventStore
    return handlers
      .handle(
        "request",
        Effect.fnUntraced(function* ({ payload: { transferId, ...order } }) {
          const given = yield* CommandAnswer.options({ route: "/transfers" })
          // Without a place to wait the answer is what is known at once: the transfer goes on all the same.
          const waits = Option.isSome(yield* Effect.option(places.wait))
          const request = (id: string) => transfers.ask(TransferId.make(id), order, { ...given, waits })
          const requested = yield* Effect.mapError(NewId.send(store, made, transferId, request), Refusals.ofTransfer)
          return yield* answer(requested.answer)
        })
      )
      .handle("get", ({ path: { id } }) =>
        Effect.map(Effect.mapError(transfers.get(id), Refusals.ofTransferState), ({ position, transfer, version }) =>
          HttpServerResponse.unsafeJson(transfer, {
            headers: { etag: `"${version}"`, "daybook-position": String(position) }
          })
        )
      )
  })
)
