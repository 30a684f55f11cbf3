/** The answers to requests about the holds of an account. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect, Either } from "effect"
import * as CommandAnswer from "../../http/CommandAnswer.ts"
import * as NewId from "../../http/NewId.ts"
import * as RequestBody from "../../http/RequestBody.ts"
import { Account } from "../account/Account.ts"
import { type AccountId, HoldId } from "../account/AccountSchemas.ts"
import { AccountsApi } from "./AccountsApi.ts"
import * as BankProblem from "./BankProblem.ts"
import * as HoldView from "./HoldView.ts"
import * as Receipts from "./Receipts.ts"
import * as Refusals from "./Refusals.ts"

export const layer = HttpApiBuilder.group(AccountsApi, "holds", (handlers) =>
  Effect.gen(function* () {
    const accounts = yield* Account
    /** The account with the holds that are open now, and the tag of an answer that shows them. */
    const open = (id: AccountId) =>
      Effect.gen(function* () {
        const committed = yield* Effect.mapError(accounts(id).state, Refusals.ofState)
        if (committed.version === 0) return yield* Effect.fail(BankProblem.make("account-not-found"))
        const account = HoldView.openAt(committed.state, yield* Clock.currentTimeMillis)
        return { account, headers: { etag: HoldView.tag(committed, account) } }
      })
    return handlers
      .handle("list", ({ path: { id } }) =>
        Effect.map(open(id), ({ account, headers }) => {
          const holds = account.holds.map((hold) => HoldView.make(account, hold))
          return HttpServerResponse.unsafeJson({ holds }, { headers })
        })
      )
      .handle("get", ({ path: { holdId, id } }) =>
        Effect.flatMap(open(id), ({ account, headers }) => {
          const hold = account.holds.find((each) => each.holdId === holdId)
          return hold === undefined
            ? Effect.fail(BankProblem.make("hold-not-found"))
            : Effect.succeed(HttpServerResponse.unsafeJson(HoldView.make(account, hold), { headers }))
        })
      )
      .handle(
        "place",
        Effect.fnUntraced(function* ({ headers, path: { id }, payload }) {
          const given = yield* CommandAnswer.options({
            route: `/accounts/${id}/holds`,
            expectedVersion: headers["if-match"]
          })
          const holdId = payload.holdId ?? HoldId.make(NewId.make())
          const ask = accounts(id).ask("Reserve", { ...payload, holdId }, given)
          const reply = yield* Effect.mapError(ask, Refusals.ofCommand)
          // The receipt of a command that came before has the id; an earlier release kept none, and made it from the
          // key.
          const kept = Either.isRight(reply.outcome) ? reply.outcome.right.holdId : undefined
          const placed = kept ?? payload.holdId ?? NewId.former("hold", given.commandId)
          return yield* Receipts.answer(reply, {
            status: 201,
            headers: { location: `/accounts/${id}/holds/${placed}` }
          })
        })
      )
      .handle(
        "capture",
        Effect.fnUntraced(function* ({ headers, path: { holdId, id }, payload }) {
          const route = `/accounts/${id}/holds/${holdId}/capture`
          const given = yield* CommandAnswer.options({ route, named: { holdId }, expectedVersion: headers["if-match"] })
          const reply = accounts(id).ask("Capture", { ...payload, holdId }, given)
          return yield* Receipts.answer(yield* Effect.mapError(reply, Refusals.ofCommand))
        })
      )
      .handle(
        "release",
        Effect.fnUntraced(function* ({ headers, path: { holdId, id }, request }) {
          yield* RequestBody.none(request)
          const route = `/accounts/${id}/holds/${holdId}/release`
          const given = yield* CommandAnswer.options({ route, named: { holdId }, expectedVersion: headers["if-match"] })
          const reply = accounts(id).ask("Release", { holdId }, given)
          return yield* Receipts.answer(yield* Effect.mapError(reply, Refusals.ofCommand))
        })
      )
  })
)
