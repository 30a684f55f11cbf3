/**
 * `Conservation` is the bank's invariant: money is conserved at every place of the log. In each currency the balances
 * and what is in flight between accounts are what was deposited less what was withdrawn. No balance is below its limit,
 * what open holds reserve counted. A transfer is debited at most once, and then credited or refunded at most once, in
 * full; a hold ends once, and of one that is captured at most its amount is taken.
 *
 * A transfer that was requested and has not ended is under way, and its process is to end it.
 */
import { Either } from "effect"
import type * as Event from "../core/Event.ts"
import type { Recorded } from "../core/Recorded.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as StreamId from "../core/StreamId.ts"
import * as Invariant from "../projection/Invariant.ts"
import { Account } from "./account/Account.ts"
import type { Money } from "./account/Money.ts"
import { Transfer } from "./transfer/Transfer.ts"
import * as TransferProcess from "./transfer/TransferProcess.ts"

interface Book {
  readonly currency: string
  readonly limit: bigint
  balance: bigint
  /** Minor units, by the id of the hold. */
  readonly holds: Map<string, bigint>
  held: bigint
  /** What may be taken of the hold that was just captured, until that is done. */
  captured: bigint | undefined
  isClosed: boolean
}

export interface Found {
  /** What is wrong and where; undefined when nothing is. */
  readonly violation: string | undefined
  /** Ids of transfers whose money is with neither account, at the end of the log. */
  readonly inFlight: ReadonlyArray<string>
  /** Ids of transfers that were requested and have not ended, at the end of the log. */
  readonly pending: ReadonlyArray<string>
  /** Ids of holds that are open at the end of the log, by account, where there are any. */
  readonly holds: ReadonlyMap<string, ReadonlyArray<string>>
  /** Balances in minor units, by account. */
  readonly balances: ReadonlyMap<string, bigint>
}

const events = [...Account.events, ...Transfer.events]
type BankEvent = Event.Of<(typeof events)[number]>

/**
 * Most decimals of any currency. A currency may have had others when an account was opened, so that sums count in
 * these.
 */
const finest = 4
const scaled = ({ decimals, minor }: Money): bigint => minor * 10n ** BigInt(finest - decimals)

/** How a transfer has to end, by what happened to its money. */
const endings = { TransferCompleted: "credited", TransferRefused: undefined, SourceRefunded: "refunded" } as const

const prefix = StreamId.prefixOf(Transfer.aggregate)
const idOf = (streamId: string): string => streamId.slice(streamId.indexOf("-") + 1)

const open = () => {
  const books = new Map<string, Book>()
  const inFlight = new Map<string, { readonly from: string; readonly amount: bigint }>()
  /** How many transfers from an account are in flight. */
  const flying = new Map<string, number>()
  const settled = new Map<string, "credited" | "refunded">()
  const pending = new Map<string, StoredEvent>()
  /** For each currency: deposits less withdrawals, and the sum of balances and of what is in flight. */
  const paid = new Map<string, bigint>()
  const there = new Map<string, bigint>()
  const add = <K>(sums: Map<K, bigint>, key: K, amount: bigint) => sums.set(key, (sums.get(key) ?? 0n) + amount)
  const count = (accountId: string, change: number) => {
    const left = (flying.get(accountId) ?? 0) + change
    if (left === 0) flying.delete(accountId)
    else flying.set(accountId, left)
  }

  const post = (book: Book, { decimals, minor }: Money, sign: bigint) => {
    book.balance += sign * minor
    add(there, book.currency, sign * scaled({ decimals, minor }))
  }
  const pay = (book: Book, amount: Money, sign: bigint) => {
    post(book, amount, sign)
    add(paid, book.currency, sign * scaled(amount))
  }

  const place = (book: Book, holdId: string, { minor }: Money): string | undefined => {
    if (book.holds.has(holdId)) return `the hold ${holdId} was placed twice`
    book.holds.set(holdId, minor)
    book.held += minor
    return undefined
  }
  const endHold = (book: Book, holdId: string, isCaptured: boolean): string | undefined => {
    const reserved = book.holds.get(holdId)
    if (reserved === undefined) return `the hold ${holdId} ended and was not open`
    book.holds.delete(holdId)
    book.held -= reserved
    if (isCaptured) book.captured = reserved
    return undefined
  }

  const settle = (book: Book, accountId: string, transferId: string, amount: Money, how: "credited" | "refunded") => {
    const debit = inFlight.get(transferId)
    if (debit === undefined) return `${transferId} was ${how} and is not in flight`
    if (debit.amount !== scaled(amount)) return `${transferId} was ${how} with another amount`
    if (how === "refunded" && debit.from !== accountId) return `${transferId} was refunded to another account`
    inFlight.delete(transferId)
    count(debit.from, -1)
    settled.set(transferId, how)
    post(book, amount, 1n)
    add(there, book.currency, -scaled(amount))
    return undefined
  }

  const onTransfer = (event: BankEvent, stored: StoredEvent): string | undefined => {
    const id = idOf(stored.streamId)
    switch (event._tag) {
      case "TransferRequested":
        pending.set(id, stored)
        return undefined
      case "TransferCompleted":
      case "TransferRefused":
      case "SourceRefunded": {
        if (!pending.delete(id)) return "the transfer ended twice"
        const how = settled.get(id)
        if (inFlight.has(id)) return `the transfer ended as ${event._tag} and is in flight`
        // One that no account knows of moved no money.
        return how === undefined || how === endings[event._tag]
          ? undefined
          : `the transfer ended as ${event._tag} and was ${how}`
      }
      default:
        return undefined
    }
  }

  const onAccount = (event: BankEvent, book: Book, accountId: string): string | undefined => {
    const { captured } = book
    if (captured !== undefined) {
      book.captured = undefined
      if (event._tag !== "Withdrawn") return "a hold was captured, and nothing was taken"
      if (event.amount.minor > captured) return "more was captured than the hold reserved"
    }
    switch (event._tag) {
      case "Deposited":
        pay(book, event.amount, 1n)
        return undefined
      case "Withdrawn":
        pay(book, event.amount, -1n)
        return undefined
      case "TransferDebited": {
        const { amount, transferId } = event
        if (inFlight.has(transferId) || settled.has(transferId)) return `${transferId} was debited twice`
        inFlight.set(transferId, { from: accountId, amount: scaled(amount) })
        count(accountId, 1)
        post(book, amount, -1n)
        add(there, book.currency, scaled(amount))
        return undefined
      }
      case "TransferCredited":
        return settle(book, accountId, event.transferId, event.amount, "credited")
      case "TransferRefunded":
        return settle(book, accountId, event.transferId, event.amount, "refunded")
      case "HoldPlaced":
        return place(book, event.holdId, event.amount)
      case "HoldCaptured":
        return endHold(book, event.holdId, true)
      case "HoldReleased":
      case "HoldExpired":
        return endHold(book, event.holdId, false)
      case "AccountClosed":
        book.isClosed = true
        if (flying.has(accountId)) return "the account closed with a transfer in flight"
        if (book.holds.size > 0) return "the account closed with an open hold"
        return book.balance === 0n ? undefined : "the account closed with money on it"
      default:
        return undefined
    }
  }

  const next = ({ event, stored }: Recorded<BankEvent>): string | undefined => {
    if (stored.streamId.startsWith(prefix)) return onTransfer(event, stored)
    const accountId = idOf(stored.streamId)
    const book = books.get(accountId)
    if (event._tag === "AccountOpened") {
      if (book !== undefined) return "the account was opened twice"
      const { currency, overdraftLimit } = event
      const empty = { balance: 0n, holds: new Map(), held: 0n, captured: undefined, isClosed: false }
      books.set(accountId, { currency, limit: overdraftLimit.minor, ...empty })
      return undefined
    }
    if (book === undefined) return "the account was never opened"
    if (book.isClosed) return "the account was closed before"
    const wrong = onAccount(event, book, accountId)
    if (wrong !== undefined) return wrong
    if (book.balance - book.held < -book.limit) {
      return book.balance < -book.limit
        ? "the balance is below the limit"
        : "the balance is below the limit and what holds reserve"
    }
    // Which sum, and not how much: this may be read where no amount is to stand.
    if (there.get(book.currency) !== paid.get(book.currency)) {
      return `balances and money in flight in ${book.currency} are not what was paid in less what was paid out`
    }
    return undefined
  }

  return { books, inFlight, next, pending }
}

export const invariant = Invariant.make({
  name: "conservation",
  events,
  begin: () => {
    const { next, pending } = open()
    return {
      next,
      underWay: () =>
        Array.from(pending.values(), ({ position, streamId, version }) => ({
          streamId,
          version,
          position,
          by: TransferProcess.name,
          what: "the transfer has not ended"
        }))
    }
  }
})

/** Reads a log from its first event, as far as all is well. */
export const check = (log: Iterable<StoredEvent>): Found => {
  const { books, inFlight, next, pending } = open()
  const wrongWith = (stored: StoredEvent): string | undefined => {
    const decoded = invariant.selection.codecOf(stored)?.decode(stored) ?? Either.right([])
    if (Either.isLeft(decoded)) return decoded.left.message
    for (const event of decoded.right) {
      const wrong = next({ event, stored })
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
  let violation: string | undefined
  for (const event of log) {
    const wrong = wrongWith(event)
    if (wrong === undefined) continue
    violation = `${event.streamId} version ${event.version} (${event.type}, position ${event.position}): ${wrong}`
    break
  }
  const withHolds = [...books].filter(([, { holds }]) => holds.size > 0)
  return {
    violation,
    inFlight: [...inFlight.keys()],
    pending: [...pending.keys()],
    holds: new Map(withHolds.map(([id, { holds }]) => [id, [...holds.keys()]])),
    balances: new Map(Array.from(books, ([id, { balance }]) => [id, balance]))
  }
}
