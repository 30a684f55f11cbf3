/**
 * `LargeTexts` bounds a page of rows in bytes. The rows come with only their small texts, which are not much together.
 * Where texts are missing, their sizes are read first, and then those texts that the page has room for. So a page of
 * small rows costs one query, as if there were no bound, and no page brings more than its bound into memory.
 */
import { Buffer } from "node:buffer"
import { Effect } from "effect"
import { maxPage, maxPageBytes } from "../core/EventStore.ts"
import * as Page from "../core/Page.ts"
import type { words } from "./JournalTables.ts"
import type { Rows } from "./SqlDatabase.ts"

/** Longest text that comes with its row, in bytes: a page full of them, and one row more, is within the bound. */
const maxInline = Math.floor(maxPageBytes / (maxPage + 1))

/**
 * The text of a column where it is small, otherwise NULL. Nothing of a large one is read: its size is in the row's
 * header.
 */
export const inline = (column: string): string => `CASE WHEN octet_length(${column}) <= ${maxInline} THEN ${column} END`

/** A table, its key, and its column of texts, with their places in the rows of a page. */
export interface Source {
  readonly table: string
  readonly key: string
  readonly keyAt: number
  readonly text: string
  readonly textAt: number
}

export const events: Source = { table: "log_events", key: "position", keyAt: 0, text: "data", textAt: 5 }
/** Of `LogTables.selectStreamEvents`, whose rows lack the stream. */
export const streamEvents: Source = { ...events, textAt: 4 }
export const entries: Source = { table: "log_entries", key: "sequence", keyAt: 0, text: "answer", textAt: 9 }

/** The rows of a page and one more where there is one; `limit` of them are the page. */
export interface Bounded {
  readonly rows: Rows
  readonly limit: number
}

/**
 * Makes a page within `maxPageBytes` from rows that were read with `inline`. It has at least one row, however large. A
 * text that its row no longer has, or never had, stays NULL.
 */
export const bounded = <E>(
  read: (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<Rows, E>,
  { listed }: (typeof words)[keyof typeof words],
  { key, keyAt, table, text, textAt }: Source,
  rows: Rows,
  limit: number
): Effect.Effect<Bounded, E> => {
  const count = Math.min(rows.length, limit)
  const missing: Array<unknown> = []
  for (let index = 0; index < count; index++) {
    const row = rows[index]
    if (row !== undefined && row[textAt] === null) missing.push(row[keyAt])
  }
  if (missing.length === 0) return Effect.succeed({ rows, limit })
  const select = (what: string, keys: ReadonlyArray<unknown>) =>
    Effect.map(
      read(`SELECT ${key}, ${what} FROM ${table} WHERE ${key} ${listed} AND ${text} IS NOT NULL`, [
        JSON.stringify(keys)
      ]),
      (found) => new Map(found.map(([of, value]) => [of, value]))
    )
  return Effect.gen(function* () {
    const sizes = yield* select(`octet_length(${text})`, missing)
    const kept = Page.fitting(count, (index) => {
      const row = rows[index] ?? []
      return Number(sizes.get(row[keyAt]) ?? Buffer.byteLength(String(row[textAt] ?? "")))
    })
    const page = rows.slice(0, kept + 1)
    const wanted = page.slice(0, kept).flatMap((row) => (sizes.has(row[keyAt]) ? [row[keyAt]] : []))
    const texts = wanted.length === 0 ? sizes : yield* select(text, wanted)
    return {
      rows: page.map((row) =>
        row[textAt] === null && texts.has(row[keyAt]) ? row.with(textAt, texts.get(row[keyAt])) : row
      ),
      limit: kept < count ? kept : limit
    }
  })
}
