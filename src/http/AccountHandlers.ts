/** The answers to requests about accounts. */
import { hash } from "node:crypto"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Option } from "effect"
import { Account, AccountId, type AccountState } from "../account/Account.ts"
import * as AccountBehaviour from "../account/AccountBehaviour.ts"
import * as AccountSummary from "../account/AccountSummary.ts"
import type { Committed } from "../core/ActorSystem.ts"
import type { Reply } from "../core/Aggregate.ts"
import { EventStore } from "../core/EventStore.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import type { Projections } from "../projection/Projections.ts"
import { AccountsApi, type AccountView, defaultLimit, type Receipt } from "./AccountsApi.ts"
import { CurrentCommand } from "./Boundary.ts"
import * as Cursor from "./Cursor.ts"
import * as EventPage from "./EventPage.ts"
import * as Failures from "./Failures.ts"
import { HttpConfig } from "./HttpConfig.ts"
import { Problem } from "./Problem.ts"
import * as RequestBody from "./RequestBody.ts"
import * as TimeTravel from "./TimeTravel.ts"

/**
 * The same for the same request, whatever the order and the white space of its JSON; and another for any other value, even of
 * an equal amount. Kept with the command, so it does not follow the shape of the payload in memory.
 */
const fingerprint = (route: string, body: object): string =>
  hash("sha256", JSON.stringify([route, Object.entries(body).sort(([left], [right]) => (left < right ? -1 : 1))]))

/** The id of an account that was opened without one: a retry finds the same account. */
const derivedId = (commandId: string): AccountId => AccountId.make(hash("sha256", `account\0${commandId}`).slice(0, 26))

const commandHeaders = ({ position, replayed, version }: { position: number; replayed: boolean; version: number }) => ({
  "daybook-position": String(position),
  etag: `"${version}"`,
  ...(replayed && { "idempotency-replayed": "true" })
})

/** A command's answer: the receipt, or the refusal as a problem, which tells its place in the log too. */
const answer = <E extends Failures.Refusal>(
  reply: Reply<Omit<Receipt, "commandId">, E>,
  options: { readonly status: number; readonly headers?: Readonly<Record<string, string>> } = { status: 200 }
): Effect.Effect<HttpServerResponse.HttpServerResponse, Failures.RefusalProblem<E>> => {
  const headers = commandHeaders(reply)
  if (Either.isLeft(reply.outcome)) return Effect.fail(Failures.ofRefusal(reply.outcome.left, headers))
  const receipt: Receipt = { ...reply.outcome.right, commandId: reply.commandId }
  return Effect.succeed(
    HttpServerResponse.unsafeJson(receipt, { status: options.status, headers: { ...headers, ...options.headers } })
  )
}

const view = (id: string, { state, version }: Committed<AccountState>): AccountView => ({
  accountId: id,
  owner: state.owner,
  currency: state.currency,
  balance: AccountBehaviour.show(state, state.balance),
  overdraftLimit: AccountBehaviour.show(state, state.overdraftLimit),
  status: state.status === "closed" ? "closed" : "open",
  version
})

export const layer = HttpApiBuilder.group(AccountsApi, "accounts", (handlers) =>
  Effect.gen(function* () {
    const accounts = yield* Account
    const store = yield* EventStore
    const { viewTimeout } = yield* HttpConfig
    const asItWas = yield* TimeTravel.make
    const readSide = yield* Effect.context<Projections | ProjectionStore>()

    /** What every command is sent with. */
    const options = Effect.fnUntraced(function* (route: string, body: object, expectedVersion?: number) {
      const { commandId } = yield* CurrentCommand
      return {
        commandId,
        fingerprint: fingerprint(`POST ${route}`, body),
        ...(expectedVersion !== undefined && { expectedVersion })
      }
    })
    const state = (id: AccountId) =>
      accounts(id).state.pipe(
        Effect.mapError(Failures.ofState),
        Effect.filterOrFail(
          ({ version }) => version > 0,
          () => new Problem("account-not-found")
        )
      )
    const query = (minPosition: number | undefined) => ({
      timeout: viewTimeout,
      ...(minPosition !== undefined && { minPosition })
    })

    return handlers
      .handle("open", ({ payload: { accountId, ...opening }, payload }) =>
        Effect.gen(function* () {
          const given = yield* options("/accounts", payload)
          const id = accountId ?? derivedId(given.commandId)
          const reply = yield* Effect.mapError(accounts(id).ask("Open", opening, given), Failures.ofOpening)
          return yield* answer(reply, { status: 201, headers: { location: `/accounts/${id}` } })
        })
      )
      .handle("deposit", ({ headers, path: { id }, payload }) =>
        Effect.gen(function* () {
          const given = yield* options(`/accounts/${id}/deposits`, payload, headers["if-match"])
          return yield* answer(yield* Effect.mapError(accounts(id).ask("Deposit", payload, given), Failures.ofCommand))
        })
      )
      .handle("withdraw", ({ headers, path: { id }, payload }) =>
        Effect.gen(function* () {
          const given = yield* options(`/accounts/${id}/withdrawals`, payload, headers["if-match"])
          return yield* answer(yield* Effect.mapError(accounts(id).ask("Withdraw", payload, given), Failures.ofCommand))
        })
      )
      .handle("close", ({ headers, path: { id }, request }) =>
        Effect.gen(function* () {
          yield* RequestBody.none(request)
          const given = yield* options(`/accounts/${id}/close`, {}, headers["if-match"])
          return yield* answer(yield* Effect.mapError(accounts(id).ask("Close", undefined, given), Failures.ofCommand))
        })
      )
      .handle("get", ({ path: { id }, urlParams: { at, version } }) =>
        Effect.gen(function* () {
          if (at !== undefined && version !== undefined) {
            return yield* Effect.fail(new Problem("invalid-request", { detail: "Give version or at, not both." }))
          }
          const when = at !== undefined ? { at: Date.parse(at) } : version !== undefined ? { version } : undefined
          const found = when === undefined ? Option.some(yield* state(id)) : yield* asItWas(id, when)
          if (Option.isNone(found)) return yield* Effect.fail(new Problem("version-not-found"))
          const account = view(id, found.value)
          return HttpServerResponse.unsafeJson(account, {
            headers: { etag: `"${account.version}"` }
          })
        })
      )
      .handle("summary", ({ path: { id }, urlParams: { minPosition } }) =>
        Effect.gen(function* () {
          const { position, summary } = yield* AccountSummary.get(id, query(minPosition)).pipe(
            Effect.mapError(Failures.ofQuery),
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
      .handle("list", ({ urlParams: { cursor, limit = defaultLimit, minPosition, sort } }) =>
        Effect.gen(function* () {
          const after = cursor === undefined ? undefined : yield* Cursor.open(cursor)
          const { accounts, nextCursor } = yield* AccountSummary.list({
            ...query(minPosition),
            limit,
            ...(after !== undefined && { after }),
            ...(sort !== undefined && { sort })
          }).pipe(
            // Signed, and for another listing.
            Effect.catchTag("InvalidArgument", () => Effect.fail(new Problem("invalid-cursor"))),
            Effect.mapError((error) => (error instanceof Problem ? error : Failures.ofQuery(error))),
            Effect.provide(readSide)
          )
          return { accounts, nextCursor: nextCursor === null ? null : Cursor.sign(nextCursor) }
        })
      )
      .handle("events", ({ path: { id }, urlParams: { after = 0, limit = defaultLimit } }) =>
        Effect.gen(function* () {
          const streamId = Account.streamId(id)
          const head = yield* Effect.mapError(store.head(streamId), Failures.ofReading)
          if (head === 0) return yield* Effect.fail(new Problem("account-not-found"))
          const page = yield* Effect.mapError(
            store.readStream(streamId, { from: after + 1, limit }),
            Failures.ofReading
          )
          const last = page.at(-1)?.version ?? head
          return yield* EventPage.make(page, last < head ? last : null)
        })
      )
  })
)
