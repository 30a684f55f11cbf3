/**
 * `Statement` is what a bank sends its customer: the balance before a period, what was booked in it, the balance after
 * it, and what was held then. It is made of the log alone: each line is what one event added to the balance, so the
 * lines add up to it.
 *
 * An event belongs to the day on which the bank booked it (`bookedOn`), and where none was given to the day in UTC on
 * which it was recorded. The opening balance is that of all events of earlier days, so that the statements of periods
 * in a row chain, also where something was booked for a day long past. Lines stand in the order of the stream.
 */
import { Clock, Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import * as Explain from "../../core/Explain.ts"
import * as Replay from "../../core/Replay.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { InvalidArgument } from "../../core/StoreError.ts"
import { Account } from "./Account.ts"
import * as AccountBehaviour from "./AccountBehaviour.ts"
import type { AccountEvent } from "./AccountEvents.ts"
import * as Money from "./Money.ts"

/** What one event added to the balance. */
export interface Line {
  readonly version: number
  readonly position: number
  readonly day: string
  /** RFC 3339. */
  readonly recordedAt: string
  readonly type: string
  /** With a sign where it is less. */
  readonly amount: string
  /** The balance after it: that before the period with all lines of the period up to this one. */
  readonly balance: string
  readonly reference: string | null
  readonly transferId: string | null
  /** The account at the other end of a transfer. */
  readonly other: string | null
  readonly commandId: string
}

export interface Statement {
  readonly accountId: string
  readonly owner: string
  readonly currency: string
  /** First and last day, both included; null where the period has no such end. */
  readonly from: string | null
  readonly to: string | null
  readonly openingBalance: string
  readonly closingBalance: string
  /** Sums of the lines that add and of those that take, of the whole period. */
  readonly added: string
  readonly taken: string
  readonly lines: ReadonlyArray<Line>
  /** Version after which the next page of lines begins; null at the end. */
  readonly next: number | null
  /** Held after the last day, by holds that had not ended. */
  readonly holds: ReadonlyArray<{ readonly holdId: string; readonly amount: string }>
}

export interface Options {
  /** `YYYY-MM-DD`, both included. Default: from the first event, to the last. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** Lines after this version. */
  readonly after?: number | undefined
  /** 1 to `maxLines`, which is the default. */
  readonly limit?: number | undefined
}

/** Most lines of one page. */
export const maxLines = 1_000

const definition = Account.define(AccountBehaviour.behaviour)

const dayOf = (event: AccountEvent | undefined, { recordedAt }: StoredEvent): string =>
  (event !== undefined && "bookedOn" in event ? event.bookedOn : undefined) ??
  new Date(recordedAt).toISOString().slice(0, 10)

/** A line before the balance before the period is known. */
interface Booked extends Omit<Line, "amount" | "balance"> {
  readonly minor: bigint
  /** Over the lines of the period up to it. */
  readonly sum: bigint
}

const detailsOf = (event: AccountEvent | undefined): Pick<Line, "reference" | "transferId" | "other"> => {
  const transferId = event !== undefined && "transferId" in event ? event.transferId : null
  const other = event === undefined ? null : "to" in event ? event.to : "from" in event ? event.from : null
  const reference = event !== undefined && "reference" in event ? (event.reference ?? null) : null
  return { reference, transferId, other }
}

const isDay = (text: string): boolean => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

const wrong = ({ after = 0, from, limit = maxLines, to }: Options): InvalidArgument | undefined => {
  for (const [argument, day] of [
    ["from", from],
    ["to", to]
  ] as const) {
    if (day !== undefined && !isDay(day))
      return new InvalidArgument({ argument, reason: "is not a day, such as 2026-01-31" })
  }
  if (from !== undefined && to !== undefined && from > to) {
    return new InvalidArgument({ argument: "from", reason: "is after to" })
  }
  if (!Number.isSafeInteger(after) || after < 0)
    return new InvalidArgument({ argument: "after", reason: "is not a version" })
  return Number.isSafeInteger(limit) && limit >= 1 && limit <= maxLines
    ? undefined
    : new InvalidArgument({ argument: "limit", reason: `is a whole number from 1 to ${maxLines}` })
}

/** Reads the whole stream and keeps one page of lines. Undefined where there is no such account. */
export const make = Effect.fnUntraced(function* (accountId: string, options: Options = {}) {
  const invalid = wrong(options)
  if (invalid !== undefined) return yield* invalid
  const { after = 0, from, limit = maxLines, to } = options
  const end = yield* Effect.flatMap(EventStore, (store) => Replay.endOf(store, definition.streamId(accountId)))
  if (end === 0) return undefined

  let opening = 0n
  let sum = 0n
  let added = 0n
  let more = false
  const booked: Array<Booked> = []
  const holds = new Map<string, { readonly minor: bigint; readonly expiresAt: string | undefined }>()
  const account = yield* Explain.fold(definition, accountId, definition.initial, (_, stored, events, before, now) => {
    const [first] = events
    const day = dayOf(first, stored)
    const minor = now.balance - before.balance
    if (to === undefined || day <= to) {
      for (const event of events) {
        if (event._tag === "HoldPlaced") {
          holds.set(event.holdId, { minor: event.amount.minor, expiresAt: event.expiresAt })
        } else if ("holdId" in event) holds.delete(event.holdId)
      }
    }
    if (minor === 0n || (to !== undefined && day > to)) return now
    if (from !== undefined && day < from) {
      opening += minor
      return now
    }
    sum += minor
    if (minor > 0n) added += minor
    if (stored.version <= after) return now
    if (booked.length === limit) more = true
    else {
      const { commandId, position, recordedAt, type, version } = stored
      const at = { version, position, day, recordedAt: new Date(recordedAt).toISOString(), type, commandId }
      booked.push({ ...at, ...detailsOf(first), minor, sum })
    }
    return now
  })

  // A hold ends at its time; that it did is stored when somebody next decides on the account.
  const now = yield* Clock.currentTimeMillis
  const until = to === undefined ? now : Math.min(now, Date.parse(`${to}T00:00:00Z`) + 86_400_000)
  const show = (minor: bigint): string => Money.format({ minor, decimals: account.decimals })
  const statement: Statement = {
    accountId,
    owner: account.owner,
    currency: account.currency,
    from: from ?? null,
    to: to ?? null,
    openingBalance: show(opening),
    closingBalance: show(opening + sum),
    added: show(added),
    taken: show(added - sum),
    lines: booked.map(({ minor, sum: upTo, ...line }) => ({
      ...line,
      amount: show(minor),
      balance: show(opening + upTo)
    })),
    next: more ? (booked.at(-1)?.version ?? null) : null,
    holds: [...holds]
      .filter(([, { expiresAt }]) => expiresAt === undefined || Date.parse(expiresAt) > until)
      .map(([holdId, { minor }]) => ({ holdId, amount: show(minor) }))
  }
  return statement
})

export type StatementError = Effect.Effect.Error<ReturnType<typeof make>>
