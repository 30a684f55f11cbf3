/**
 * A document that the application has of an aggregate, such as a list of what happened in a month: shown as it is
 * answered.
 */

import { valueAt } from "../../../core/StateTree.ts"
import type { Page } from "../../../projection/ConsoleWords.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { Empty, Json, shown, table } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"

const dayOf = (date: Date): string => date.toISOString().slice(0, 10)

/** The path with the id and the days in it. */
const filled = (path: string, values: Readonly<Record<string, string>>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""))

const isPlain = (value: unknown): boolean => typeof value !== "object" || value === null
const isRows = (value: unknown): value is ReadonlyArray<Readonly<Record<string, unknown>>> =>
  Array.isArray(value) && value.every((row) => !isPlain(row))

/** What every row has, in the order of the first. */
const columnsOf = (rows: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  [...new Set(rows.flatMap((row) => Object.keys(row)))].map((path) => ({ path, title: Format.words(path) }))

/** A day, which stays on one line. */
const isDay = /^\d{4}-\d\d-\d\d$/

const looksNumeric = (value: unknown): boolean => typeof value === "number" || /^-?\d+(\.\d+)?$/.test(String(value))

const tableOf = (
  title: string,
  rows: ReadonlyArray<Readonly<Record<string, unknown>>>,
  columns: Page["columns"]
): Element =>
  table(
    title,
    rows,
    (columns ?? columnsOf(rows)).map((column) => ({
      title: column.title,
      isNumber: rows.every((row) => looksNumeric(valueAt(row, column.path))),
      cell: (row: Readonly<Record<string, unknown>>) => {
        const value = valueAt(row, column.path)
        return value === null || value === undefined
          ? "–"
          : isPlain(value)
            ? isDay.test(String(value))
              ? html`<time>${value}</time>`
              : Format.inline(value)
            : html`<${Json} value=${value} />`
      }
    })),
    "None in this time."
  )

const contentOf = (page: Page, value: Readonly<Record<string, unknown>>): Element => {
  const fields = Object.entries(value)
  return html`<div>
    <dl class="facts">${fields.filter(([, part]) => isPlain(part) && part !== null).map(([name, part]) => html`<dt>${Format.words(name)}</dt><dd class="figure">${Format.inline(part)}</dd>`)}</dl>
    ${fields.filter(([, part]) => isRows(part)).map(([name, rows]) => html`<h2>${Format.words(name)}</h2>${tableOf(Format.words(name), rows as ReadonlyArray<Readonly<Record<string, unknown>>>, name === page.rows ? page.columns : undefined)}`)}
    ${fields.filter(([, part]) => !isPlain(part) && !isRows(part)).map(([name, part]) => html`<h2>${Format.words(name)}</h2><${Json} value=${part} />`)}
  </div>`
}

export const Documents = ({ id, page }: { readonly id: string; readonly page: Page | undefined }): Element => {
  const { query } = Route.parse(location.hash)
  const hasDays = page?.path.includes("{from}") === true
  const to = query.to ?? dayOf(new Date())
  const from = query.from ?? `${to.slice(0, 7)}-01`
  const resource = useResource<Readonly<Record<string, unknown>>>(
    page === undefined ? null : filled(page.path, { id, from, to })
  )
  if (page === undefined) return html`<${Empty}>The application has no such document.<//>`
  const day = (name: string, value: string) =>
    html`<label>${name === "from" ? "From" : "To"} <input type="date" value=${value} onChange=${(event: Event) => Route.amend({ [name]: (event.target as HTMLInputElement).value })} /></label>`
  return html`<div>
    ${hasDays && html`<div class="bar">${day("from", from)} ${day("to", to)} <span class="quiet">Days in UTC, both included.</span></div>`}
    ${shown(resource, (value) => contentOf(page, value))}
  </div>`
}
