/**
 * `Conservation` checks of a log that money is conserved, at every prefix of it: in each currency the balances and what is in
 * flight between accounts are what was deposited less what was withdrawn, and no balance is below its limit. A transfer is
 * debited at most once, and then credited or refunded at most once, in full.
 */

import type { StoredEvent } from "../../core/StoredEvent.ts"
import * as Money from "../account/Money.ts"

interface Book {
  readonly currency: string
  readonly limit: bigint
  balance: bigint
}

export interface Found {
  /** What is wrong and where; undefined when nothing is. */
  readonly violation: string | undefined
  /** Ids of transfers whose money is with neither account, at the end of the log. */
  readonly inFlight: ReadonlyArray<string>
  /** Ids of transfers that were requested and have not ended, at the end of the log. */
  readonly pending: ReadonlyArray<string>
  /** Balances in minor units, by account. */
  readonly balances: ReadonlyMap<string, bigint>
}

type Data = Readonly<Record<string, string>>

const minorOf = (text: string): bigint => BigInt(text.replace(".", ""))

/** Reads the log from its first event. */
export const check = (log: Iterable<StoredEvent>): Found => {
  const books = new Map<string, Book>()
  const inFlight = new Map<string, { readonly from: string; readonly minor: bigint }>()
  const settled = new Map<string, "credited" | "refunded">()
  const pending = new Set<string>()
  /** Of each currency: deposits less withdrawals, and the sum of balances and of what is in flight. */
  const paid = new Map<string, bigint>()
  const there = new Map<string, bigint>()
  const add = (sums: Map<string, bigint>, currency: string, minor: bigint) =>
    sums.set(currency, (sums.get(currency) ?? 0n) + minor)

  const apply = ({ data, streamId, type }: StoredEvent): string | undefined => {
    const fields = JSON.parse(data) as Data
    const id = streamId.slice(streamId.indexOf("-") + 1)
    if (streamId.startsWith("transfer-")) {
      if (type === "TransferRequested") pending.add(id)
      if (type === "TransferCompleted" || type === "TransferRefused" || type === "SourceRefunded") {
        const expected = { TransferCompleted: "credited", TransferRefused: undefined, SourceRefunded: "refunded" }[type]
        if (!pending.delete(id)) return "the transfer ended twice"
        if (settled.get(id) !== expected) return `the transfer ended as ${type} and was ${settled.get(id)}`
      }
      return undefined
    }
    if (type === "AccountOpened") {
      const { currency = "", overdraftLimit = "" } = fields
      books.set(id, { currency, limit: minorOf(overdraftLimit), balance: 0n })
      return undefined
    }
    const book = books.get(id)
    if (book === undefined) return "the account was never opened"
    const { amount = "0", transferId = "" } = fields
    const minor = minorOf(amount)
    const post = (change: bigint) => {
      book.balance += change
      add(there, book.currency, change)
    }
    const flying = inFlight.get(transferId)
    switch (type) {
      case "Deposited":
        post(minor)
        add(paid, book.currency, minor)
        break
      case "Withdrawn":
        post(-minor)
        add(paid, book.currency, -minor)
        break
      case "TransferDebited":
        if (flying !== undefined || settled.has(transferId)) return `${transferId} was debited twice`
        inFlight.set(transferId, { from: id, minor })
        post(-minor)
        add(there, book.currency, minor)
        break
      case "TransferCredited":
      case "TransferRefunded": {
        const how = type === "TransferCredited" ? "credited" : "refunded"
        if (flying === undefined) return `${transferId} was ${how} and is not in flight`
        if (flying.minor !== minor) return `${transferId} was ${how} with another amount`
        if (how === "refunded" && flying.from !== id) return `${transferId} was refunded to another account`
        inFlight.delete(transferId)
        settled.set(transferId, how)
        post(minor)
        add(there, book.currency, -minor)
        break
      }
      case "AccountClosed":
        if ([...inFlight.values()].some(({ from }) => from === id))
          return "the account closed with a transfer in flight"
        break
    }
    if (book.balance < -book.limit) return "the balance is below the limit"
    if (there.get(book.currency) !== paid.get(book.currency)) {
      const show = (sums: Map<string, bigint>) => Money.format({ minor: sums.get(book.currency) ?? 0n, decimals: 0 })
      return `balances and money in flight are ${show(there)} ${book.currency}, and were paid in ${show(paid)}`
    }
    return undefined
  }

  let violation: string | undefined
  for (const event of log) {
    const wrong = apply(event)
    if (wrong === undefined) continue
    violation = `${event.streamId} version ${event.version} (${event.type}, position ${event.position}): ${wrong}`
    break
  }
  return {
    violation,
    inFlight: [...inFlight.keys()],
    pending: [...pending],
    balances: new Map(Array.from(books, ([id, { balance }]) => [id, balance]))
  }
}
