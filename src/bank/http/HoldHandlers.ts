/** The answers to requests about the holds of an account. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import * as CommandAnswer from "../../http/CommandAnswer.ts"
import * as RequestBody from "../../http/RequestBody.ts"
import { Account } from "../account/Account.ts"
import { HoldId } from "../account/AccountTerms.ts"
import { AccountsApi } from "./AccountsApi.ts"
import * as Receipts from "./Receipts.ts"
import * as Refusals from "./Refusals.ts"

export const layer = HttpApiBuilder.group(AccountsApi, "holds", (handlers) =>
  Effect.gen(function* () {
    const accounts = yield* Account
    return handlers
      .handle("place", ({ headers, path: { id }, payload }) =>
        Effect.gen(function* () {
          const given = yield* CommandAnswer.options({
            route: `/accounts/${id}/holds`,
            expectedVersion: headers["if-match"]
          })
          const holdId = payload.holdId ?? HoldId.make(CommandAnswer.derivedId("hold", given.commandId))
          const reply = accounts(id).ask("Reserve", { ...payload, holdId }, given)
          return yield* Receipts.answer(yield* Effect.mapError(reply, Refusals.ofCommand), {
            status: 201,
            headers: { location: `/accounts/${id}/holds/${holdId}` }
          })
        })
      )
      .handle("capture", ({ headers, path: { holdId, id }, payload }) =>
        Effect.gen(function* () {
          const route = `/accounts/${id}/holds/${holdId}/capture`
          const given = yield* CommandAnswer.options({ route, named: { holdId }, expectedVersion: headers["if-match"] })
          const reply = accounts(id).ask("Capture", { ...payload, holdId }, given)
          return yield* Receipts.answer(yield* Effect.mapError(reply, Refusals.ofCommand))
        })
      )
      .handle("release", ({ headers, path: { holdId, id }, request }) =>
        Effect.gen(function* () {
          yield* RequestBody.none(request)
          const route = `/accounts/${id}/holds/${holdId}/release`
          const given = yield* CommandAnswer.options({ route, named: { holdId }, expectedVersion: headers["if-match"] })
          const reply = accounts(id).ask("Release", { holdId }, given)
          return yield* Receipts.answer(yield* Effect.mapError(reply, Refusals.ofCommand))
        })
      )
  })
)
