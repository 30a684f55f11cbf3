/** The answers to requests about accounts. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect, Option } from "effect"
import type { Committed } from "../../core/Definition.ts"
import { EventStore } from "../../core/EventStore.ts"
import * as StreamId from "../../core/StreamId.ts"
import * as CommandAnswer from "../../http/CommandAnswer.ts"
import * as Cursor from "../../http/Cursor.ts"
import * as EventPage from "../../http/EventPage.ts"
import * as Failures from "../../http/Failures.ts"
import { LogHeader } from "../../http/LogHeader.ts"
import * as MinPosition from "../../http/MinPosition.ts"
import * as NewId from "../../http/NewId.ts"
import * as PastStates from "../../http/PastStates.ts"
import type { Places } from "../../http/Places.ts"
import * as PositionAhead from "../../http/PositionAhead.ts"
import { Problem } from "../../http/Problem.ts"
import * as Reach from "../../http/Reach.ts"
import * as RequestBody from "../../http/RequestBody.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import type { Projections } from "../../projection/Projections.ts"
import { Account, type AccountState } from "../account/Account.ts"
import * as AccountBehaviour from "../account/AccountBehaviour.ts"
import { AccountId } from "../account/AccountSchemas.ts"
import * as AccountSummary from "../account/AccountSummary.ts"
import type { AccountView } from "./AccountBodies.ts"
import { AccountsApi, defaultLimit } from "./AccountsApi.ts"
import * as BankProblem from "./BankProblem.ts"
import * as HoldView from "./HoldView.ts"
import * as Receipts from "./Receipts.ts"
import * as Refusals from "./Refusals.ts"
import * as StatementReader from "./StatementReader.ts"

const definition = Account.define(AccountBehaviour.behaviour)

const made: NewId.Kind = { what: "account", prefix: StreamId.prefixOf(Account.aggregate) }

/** The account with the holds that are open. */
const view = (id: string, { state, version }: Committed<AccountState>, open: AccountState): AccountView => {
  const held = AccountBehaviour.held(open)
  return {
    accountId: id,
    owner: state.owner,
    currency: state.currency,
    balance: AccountBehaviour.show(state, state.balance),
    ...(held > 0n && { availableBalance: AccountBehaviour.show(state, state.balance - held) }),
    overdraftLimit: AccountBehaviour.show(state, state.overdraftLimit),
    status: state.status === "closed" ? "closed" : "open",
    version
  }
}

export const layer = HttpApiBuilder.group(AccountsApi, "accounts", (handlers) =>
  Effect.gen(function* () {
    const accounts = yield* Account
    const store = yield* EventStore
    const asItWas = yield* PastStates.make(() => BankProblem.make("account-not-found"))
    const statement = yield* StatementReader.reader
    const log = yield* LogHeader
    const readSide = yield* Effect.context<Projections | ProjectionStore | Places>()

    const state = (id: AccountId) =>
      accounts(id).state.pipe(
        Effect.mapError(Refusals.ofState),
        Effect.filterOrFail(
          ({ version }) => version > 0,
          () => BankProblem.make("account-not-found")
        )
      )
    return handlers
      .handle(
        "open",
        Effect.fnUntraced(function* ({ payload: { accountId, ...opening } }) {
          const given = yield* CommandAnswer.options({ route: "/accounts" })
          // A token cannot be for an id that is made only now.
          yield* Reach.concerns(Account.aggregate, accountId ?? "")
          const open = (id: string) => accounts(AccountId.make(id)).ask("Open", opening, given)
          const { answer, id } = yield* Effect.mapError(NewId.send(store, made, accountId, open), Refusals.ofOpening)
          return yield* Receipts.answer(answer, { status: 201, headers: { location: `/accounts/${id}` } })
        })
      )
      .handle(
        "deposit",
        Effect.fnUntraced(function* ({ headers, path: { id }, payload }) {
          const given = yield* CommandAnswer.options({
            route: `/accounts/${id}/deposits`,
            expectedVersion: headers["if-match"]
          })
          return yield* Receipts.answer(
            yield* Effect.mapError(accounts(id).ask("Deposit", payload, given), Refusals.ofCommand)
          )
        })
      )
      .handle(
        "withdraw",
        Effect.fnUntraced(function* ({ headers, path: { id }, payload }) {
          const given = yield* CommandAnswer.options({
            route: `/accounts/${id}/withdrawals`,
            expectedVersion: headers["if-match"]
          })
          return yield* Receipts.answer(
            yield* Effect.mapError(accounts(id).ask("Withdraw", payload, given), Refusals.ofCommand)
          )
        })
      )
      .handle(
        "close",
        Effect.fnUntraced(function* ({ headers, path: { id }, request }) {
          yield* RequestBody.none(request)
          const given = yield* CommandAnswer.options({
            route: `/accounts/${id}/close`,
            expectedVersion: headers["if-match"]
          })
          return yield* Receipts.answer(
            yield* Effect.mapError(accounts(id).ask("Close", undefined, given), Refusals.ofCommand)
          )
        })
      )
      .handle(
        "get",
        Effect.fnUntraced(function* ({ path: { id }, urlParams: { at, version } }) {
          if (at !== undefined && version !== undefined) {
            return yield* Effect.fail(new Problem("invalid-request", { detail: "Give version or at, not both." }))
          }
          const when = at !== undefined ? { at: new Date(at) } : version !== undefined ? { version } : undefined
          const found = when === undefined ? Option.some(yield* state(id)) : yield* asItWas(definition, id, when)
          if (Option.isNone(found)) return yield* Effect.fail(new Problem("version-not-found"))
          const now = when !== undefined && "at" in when ? when.at.getTime() : yield* Clock.currentTimeMillis
          const open = HoldView.openAt(found.value.state, now)
          return HttpServerResponse.unsafeJson(view(id, found.value, open), {
            headers: { etag: HoldView.tag(found.value, open) }
          })
        })
      )
      .handle(
        "summary",
        Effect.fnUntraced(function* ({ path: { id }, urlParams: { minPosition } }) {
          yield* PositionAhead.refuse(store, minPosition)
          const { position, summary } = yield* MinPosition.ask(minPosition, (options) =>
            AccountSummary.get(id, options)
          ).pipe(
            Effect.mapError((error) => (error instanceof Problem ? error : Failures.ofQuery(error))),
            Effect.provide(readSide)
          )
          if (Option.isSome(summary)) {
            const { currency: _, owner: __, status: ___, ...totals } = summary.value
            return { ...totals, position }
          }
          // The model may not have come to it yet: only the account itself knows that it does not exist.
          yield* state(id)
          return yield* Effect.fail(new Problem("view-behind"))
        })
      )
      .handle(
        "list",
        Effect.fnUntraced(function* ({ urlParams: { cursor, limit = defaultLimit, minPosition, sort } }) {
          yield* PositionAhead.refuse(store, minPosition)
          const after = cursor === undefined ? undefined : yield* Cursor.open(log.logId(), cursor)
          const { accounts, nextCursor } = yield* MinPosition.ask(minPosition, (options) =>
            AccountSummary.list({
              ...options,
              limit,
              ...(after !== undefined && { after }),
              ...(sort !== undefined && { sort })
            })
          ).pipe(
            // Signed, and for another listing.
            Effect.catchTag("InvalidArgument", () => Effect.fail(new Problem("invalid-cursor"))),
            Effect.mapError((error) => (error instanceof Problem ? error : Failures.ofQuery(error))),
            Effect.provide(readSide)
          )
          return { accounts, nextCursor: nextCursor === null ? null : Cursor.sign(log.logId(), nextCursor) }
        })
      )
      .handle(
        "events",
        Effect.fnUntraced(function* ({ path: { id }, urlParams: { after = 0, limit = defaultLimit } }) {
          const streamId = Account.streamId(id)
          const head = yield* Effect.mapError(store.head(streamId), Failures.ofReading)
          if (head.version === 0) return yield* Effect.fail(BankProblem.make("account-not-found"))
          const page = yield* Effect.mapError(
            store.readStream(streamId, { from: after + 1, limit }),
            Failures.ofReading
          )
          return yield* EventPage.make(page, ({ version }) => version)
        })
      )
      .handle("statement", ({ path: { id }, urlParams: { limit = defaultLimit, ...asked } }) =>
        statement(id, { ...asked, limit })
      )
  })
)
