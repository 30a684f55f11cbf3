/**
 * `AccountSummary` is the read model of accounts: totals and balance of each, and the listing with its order, paging
 * and search by owner.
 *
 * Money is stored as text, whole minor units in decimal: sums outgrow the integers of JavaScript (2^53) and of SQLite
 * (2^63), and text is exact at any size. What a listing sorts by is beside it, as text whose order is that of the
 * amounts.
 */
import { Buffer } from "node:buffer"
import { SqlClient } from "@effect/sql/SqlClient"
import { type Duration, Effect, Option, Schema } from "effect"
import type { Recorded } from "../../core/Recorded.ts"
import { InvalidArgument } from "../../core/StoreError.ts"
import * as Projection from "../../projection/Projection.ts"
import { Projections } from "../../projection/Projections.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import { Account } from "./Account.ts"
import type { AccountEvent } from "./AccountEvents.ts"
import { AccountId } from "./AccountSchemas.ts"
import * as Money from "./Money.ts"

/** One account as the read model knows it. Amounts have exactly the currency's decimals. */
export interface AccountSummary {
  readonly accountId: AccountId
  readonly owner: string
  readonly currency: string
  readonly status: "open" | "closed"
  readonly totalDeposits: string
  readonly totalWithdrawals: string
  readonly currentBalance: string
  readonly transactionCount: number
}

const prefixLength = Account.streamId(AccountId.make("x")).length - 1

/** So that owners are found whatever the case and form of the letters. */
const fold = (owner: string): string => owner.normalize("NFKC").toLowerCase()

/** The most decimals that a currency has: amounts of all currencies are compared with this many. */
const commonDecimals = 4
const maxDigits = 99

/**
 * Text in the order of the amounts: sign, number of digits, digits; of a negative amount each with its complement to
 * nine, so that the larger debt comes first.
 */
const orderKey = ({ decimals, minor }: Money.Money): string => {
  const isDebt = minor < 0n
  const digits = (isDebt ? -minor : minor).toString()
  const scaled = minor === 0n ? "0" : digits.padEnd(digits.length + commonDecimals - decimals, "0")
  if (!isDebt) return `1${String(scaled.length).padStart(2, "0")}${scaled}`
  return `0${String(maxDigits - scaled.length).padStart(2, "0")}${scaled.replaceAll(/\d/g, (digit) => String(9 - Number(digit)))}`
}

/** What a batch changes of one account. */
interface Totals {
  readonly decimals: number
  deposits: bigint
  withdrawals: bigint
  count: number
  status: string
}

export const projection = Projection.make({
  name: "account_summary",
  version: 1,
  events: Account.events,
  tables: ["account_summary"],
  create: ({ account_summary: table }) => [
    `CREATE TABLE ${table} (
       account_id TEXT PRIMARY KEY,
       owner TEXT NOT NULL,
       owner_key TEXT NOT NULL,
       currency TEXT NOT NULL,
       decimals INTEGER NOT NULL,
       status TEXT NOT NULL,
       total_deposits TEXT NOT NULL,
       total_withdrawals TEXT NOT NULL,
       current_balance TEXT NOT NULL,
       balance_key TEXT NOT NULL,
       transaction_count INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID`,
    `CREATE INDEX ${table}_by_owner ON ${table} (owner_key, account_id)`,
    `CREATE INDEX ${table}_by_balance ON ${table} (balance_key, account_id)`
  ],
  apply: (batch, { account_summary: table }) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const totals = new Map<string, Totals>()
      const accountOf = ({ stored }: Recorded<AccountEvent>) => stored.streamId.slice(prefixLength)
      const rowsOf = sql.onDialectOrElse({
        pg: () => "json_array_elements(?::json) AS j (value)",
        orElse: () => "json_each(?) AS j"
      })

      const known = yield* sql.unsafe(
        `SELECT account_id, decimals, total_deposits, total_withdrawals, transaction_count, status FROM ${table}
         WHERE account_id IN (SELECT j.value ->> 0 FROM ${rowsOf})`,
        [JSON.stringify(Array.from(new Set(batch.map(accountOf)), (accountId) => [accountId]))]
      ).values
      for (const [accountId, decimals, deposits, withdrawals, count, status] of known) {
        totals.set(accountId as string, {
          decimals: decimals as number,
          deposits: BigInt(deposits as string),
          withdrawals: BigInt(withdrawals as string),
          count: count as number,
          status: status as string
        })
      }

      const changed = new Map<string, Totals>()
      for (const recorded of batch) {
        const { event } = recorded
        const accountId = accountOf(recorded)
        if (event._tag === "AccountOpened") {
          const { decimals } = event.overdraftLimit
          totals.set(accountId, { decimals, deposits: 0n, withdrawals: 0n, count: 0, status: "open" })
          const zero = { minor: 0n, decimals }
          // Bound and not as JSON, in which SQLite would cut an owner at U+0000.
          yield* sql.unsafe(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, 'open', '0', '0', '0', ?, 0)`, [
            accountId,
            event.owner,
            fold(event.owner),
            event.currency,
            decimals,
            orderKey(zero)
          ]).raw
          continue
        }
        const account = totals.get(accountId)
        if (account === undefined) return yield* Effect.dieMessage(`the account ${accountId} was never opened`)
        changed.set(accountId, account)
        switch (event._tag) {
          case "Deposited":
          case "TransferCredited":
          case "TransferRefunded":
            account.deposits += event.amount.minor
            account.count++
            break
          case "Withdrawn":
          case "TransferDebited":
            account.withdrawals += event.amount.minor
            account.count++
            break
          case "AccountClosed":
            account.status = "closed"
            break
        }
      }
      const rows = Array.from(changed, ([accountId, { count, decimals, deposits, status, withdrawals }]) => {
        const minor = deposits - withdrawals
        return [accountId, `${deposits}`, `${withdrawals}`, `${minor}`, orderKey({ minor, decimals }), count, status]
      })
      if (rows.length === 0) return
      yield* sql.unsafe(
        `UPDATE ${table} SET total_deposits = j.value ->> 1, total_withdrawals = j.value ->> 2,
           current_balance = j.value ->> 3, balance_key = j.value ->> 4,
           transaction_count = CAST(j.value ->> 5 AS INTEGER),
           status = j.value ->> 6
         FROM ${rowsOf} WHERE account_id = j.value ->> 0`,
        [JSON.stringify(rows)]
      ).raw
    })
})

export interface QueryOptions {
  /** The model is at least so new, or the query fails with `ViewBehind`. Default: as new as it is. */
  readonly minPosition?: number
  /** How long to wait for it. Default: 2 seconds. */
  readonly timeout?: Duration.DurationInput
}

/** Waits for a model of this version; until one serves, queries fail with `ViewBehind`. */
const current = ({ minPosition = 0, timeout }: QueryOptions) =>
  Effect.flatMap(Projections, (projections) => projections.awaitPosition(projection.name, minPosition, timeout)).pipe(
    // It is declared where `Projections` is made, which is part of the program and not of a request.
    Effect.catchTag("UnknownProjection", Effect.die)
  )

const columns = `s.account_id, s.owner, s.currency, s.decimals, s.status, s.total_deposits, s.total_withdrawals,
  s.current_balance, s.transaction_count`

const toSummary = (row: ReadonlyArray<unknown>): AccountSummary => {
  const decimals = row[3] as number
  const amount = (text: unknown) => Money.format({ minor: BigInt(text as string), decimals })
  return {
    accountId: row[0] as AccountId,
    owner: row[1] as string,
    currency: row[2] as string,
    status: row[4] as "open" | "closed",
    totalDeposits: amount(row[5]),
    totalWithdrawals: amount(row[6]),
    currentBalance: amount(row[7]),
    transactionCount: row[8] as number
  }
}

/** One account, and the position of the model that the answer is from. None where the model has no such account. */
export const get = Effect.fn("AccountSummary.get")(function* (accountId: AccountId, options: QueryOptions = {}) {
  yield* current(options)
  const models = yield* ReadModels
  const [row] = yield* models.query(
    `SELECT ${columns}, c.position FROM account_summary_checkpoint AS c
     LEFT JOIN account_summary AS s ON s.account_id = ?`,
    [accountId]
  )
  const position = (row?.[9] ?? 0) as number
  const summary = row === undefined || row[0] === null ? Option.none<AccountSummary>() : Option.some(toSummary(row))
  return { summary, position }
})

/** What a listing is sorted by; with `-` the largest first. Of equals the account id decides. */
export const Sort = Schema.Literal("accountId", "-accountId", "owner", "-owner", "balance", "-balance")
export type Sort = typeof Sort.Type

const sortColumns = { accountId: "account_id", owner: "owner_key", balance: "balance_key" }

export interface ListOptions extends QueryOptions {
  /** 1 to 1,000. Default 100. */
  readonly limit?: number
  /** The `nextCursor` of the page before. */
  readonly after?: string
  /** Default `accountId`. */
  readonly sort?: Sort
  /** Only accounts whose owner's name begins so, whatever the case. */
  readonly owner?: string
}

export const maxLimit = 1_000
const defaultLimit = 100

/** Where a page ended, and of which listing it is. */
const Cursor = Schema.parseJson(
  Schema.Struct({ sort: Sort, owner: Schema.String, key: Schema.String, accountId: Schema.String })
)
const decodeCursor = Schema.decodeUnknownOption(Cursor)

const cursorOf = (cursor: typeof Cursor.Type): string => Buffer.from(JSON.stringify(cursor)).toString("base64url")

/**
 * One page of accounts, and the cursor of the next one, null at the end. A page begins after the last account of the
 * one before, so that accounts that come and go between two pages neither repeat nor hide another; one whose own place
 * in the order changes meanwhile may do both.
 */
export const list = Effect.fn("AccountSummary.list")(function* (options: ListOptions = {}) {
  const { after, limit = defaultLimit, owner = "", sort = "accountId" } = options
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) {
    return yield* new InvalidArgument({ argument: "limit", reason: `is a whole number from 1 to ${maxLimit}` })
  }
  const cursor =
    after === undefined ? undefined : Option.getOrNull(decodeCursor(Buffer.from(after, "base64url").toString()))
  if (cursor === null || (cursor !== undefined && (cursor.sort !== sort || cursor.owner !== owner))) {
    return yield* new InvalidArgument({ argument: "cursor", reason: "is not the nextCursor of a page of this listing" })
  }
  yield* current(options)
  const models = yield* ReadModels
  const descending = sort.startsWith("-")
  const column = sortColumns[sort.replace("-", "") as keyof typeof sortColumns]
  const order = descending ? "DESC" : "ASC"
  const conditions: Array<string> = []
  const params: Array<unknown> = []
  if (owner !== "") {
    conditions.push("s.owner_key >= ? AND s.owner_key < ?")
    params.push(fold(owner), `${fold(owner)}\u{10ffff}`)
  }
  if (cursor !== undefined) {
    conditions.push(`(s.${column}, s.account_id) ${descending ? "<" : ">"} (?, ?)`)
    params.push(cursor.key, cursor.accountId)
  }
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`
  const rows = yield* models.query(
    `SELECT ${columns}, s.${column} FROM account_summary AS s ${where}
     ORDER BY s.${column} ${order}, s.account_id ${order} LIMIT ?`,
    // One more than is shown tells whether there is a next page.
    [...params, limit + 1]
  )
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const nextCursor =
    rows.length > limit && last !== undefined
      ? cursorOf({ sort, owner, key: last[9] as string, accountId: last[0] as string })
      : null
  return { accounts: page.map(toSummary), nextCursor }
})
