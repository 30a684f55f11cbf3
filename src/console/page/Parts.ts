/** The parts that all views are made of: how a time, a problem, a table, an empty place and a value of JSON look. */
import { useState } from "preact/hooks"
import type * as Api from "./Api.ts"
import * as Format from "./Format.ts"
import { type Children, type Element, html } from "./Html.ts"
import type { Resource } from "./Resource.ts"
import * as Route from "./Route.ts"

export const Time = ({ at }: { readonly at: string | null }): Element =>
  at === null
    ? html`<span class="quiet">never</span>`
    : html`<time datetime=${at} title=${`${Format.local(at)} here`}>${Format.utc(at)}<span class="quiet"> UTC</span></time>`

export const Badge = ({ kind, children }: { readonly kind: string; readonly children?: Children }): Element =>
  html`<span class=${`badge ${kind}`}>${children}</span>`

interface Troubled {
  readonly problem: Api.Problem
  readonly again?: () => void
}

/** A problem in the words of the service, with what its log has it under. */
const Reason = ({ again, problem }: Troubled): Element => {
  const { code, correlationId, status, title } = problem.body
  return html`<div>
    <strong>${title}</strong> <code>${code}</code>${status > 0 && html` <span class="quiet">${status}</span>`}
    ${problem.message !== title && html`<p>${Format.visible(problem.message)}</p>`}
    ${correlationId && html`<p>In the log of the service as <code>${correlationId}</code></p>`}
    ${again && html`<button type="button" onClick=${again}>Try again</button>`}
  </div>`
}

export const Trouble = (troubled: Troubled): Element =>
  html`<div class="trouble" role="alert"><${Reason} ...${troubled} /></div>`

/** Stands above what was there before newer could not be had. */
export const Stale = ({ at, ...troubled }: Troubled & { readonly at: number }): Element =>
  html`<div class="notice" role="status"><p>Stale: what is below is of <${Time} at=${new Date(at).toISOString()} />.</p>
    <${Reason} ...${troubled} /></div>`

export const Empty = ({ children }: { readonly children?: Children }): Element => html`<p class="empty">${children}</p>`
export const Loading = (): Element => html`<p class="loading" role="status">Loading…</p>`

/**
 * A value once it is there; before, that it is awaited or why there is none; and above a stale one, since when it is
 * stale.
 */
export const shown = <A>({ again, at, problem, value }: Resource<A>, view: (value: A) => unknown): Element => {
  if (value === undefined)
    return problem === undefined ? html`<${Loading} />` : html`<${Trouble} problem=${problem} again=${again} />`
  return html`<div class=${problem === undefined ? "" : "stale"}>
    ${problem !== undefined && html`<${Stale} problem=${problem} again=${again} at=${at ?? 0} />`}
    ${view(value)}
  </div>`
}

/** When that which is shown was asked for, where nothing newer comes by itself, and a button for newer. */
export const AsOf = ({ of: { again, at } }: { readonly of: Resource<unknown> }): Element =>
  html`<span class="as-of">${at !== undefined && html`<span class="quiet">As of <${Time} at=${new Date(at).toISOString()} /></span>`}
    <button type="button" onClick=${again}>Refresh</button></span>`

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => unknown
  /** Numbers stand under each other by their last digit. */
  readonly isNumber?: boolean
}

/**
 * A table that scrolls within itself where it is wider than the page. Where something may be done with a row, `keyOf` tells which it is,
 * so that it stays itself when those above it go.
 */
export const table = <Row>(
  name: string,
  rows: ReadonlyArray<Row>,
  columns: ReadonlyArray<Column<Row>>,
  empty: Children = "There is nothing here.",
  keyOf?: (row: Row) => string
): Element =>
  rows.length === 0
    ? html`<${Empty}>${empty}<//>`
    : html`<div class="scroll" tabindex="0" role="region" aria-label=${name}>
        <table>
          <thead><tr>${columns.map(({ isNumber, title }) => html`<th scope="col" class=${isNumber ? "number" : ""}>${title}</th>`)}</tr></thead>
          <tbody data-rows>${rows.map((row) => html`<tr key=${keyOf?.(row)}>${columns.map(({ cell, isNumber }) => html`<td class=${isNumber ? "number" : ""}>${cell(row)}</td>`)}</tr>`)}</tbody>
        </table>
      </div>`

export const copy = (text: string): Promise<void> => navigator.clipboard.writeText(text)

/** Text that somebody takes along, such as a line for the command line. */
export const Copied = ({ label, text }: { readonly label: string; readonly text: string }): Element => {
  const [done, setDone] = useState(false)
  const take = () =>
    void copy(text).then(
      () => setDone(true),
      // A browser that lets no page write there: the text can be selected.
      () => setDone(false)
    )
  return html`<div class="copied"><span class="quiet">${label}</span>
    <code tabindex="0">${text}</code>
    <button type="button" onClick=${take} aria-label=${`Copy the line for ${label}`}>${done ? "Copied" : "Copy"}</button></div>`
}

/** A value of JSON as a tree that is read, with long parts folded. Paths in `marked` changed. */
export const Json = ({
  value,
  path = "",
  marked,
  write
}: {
  readonly value: unknown
  readonly path?: string
  readonly marked?: ReadonlySet<string>
  /** How a number is shown that stands at this path; as it is, it is for who points at it. */
  readonly write?: (path: string, value: unknown) => string
}): Element => {
  if (typeof value !== "object" || value === null) {
    const kind = value === null ? "null" : typeof value
    const written = write?.(path, value) ?? Format.inline(value)
    if (written !== Format.inline(value)) {
      return html`<span class="json number" title=${`stored as ${Format.inline(value)}`}>${written}</span>`
    }
    return html`<span class=${`json ${kind}`}>${typeof value === "string" ? Format.visible(value) || html`<i>empty</i>` : String(value)}</span>`
  }
  const fields = Object.entries(value)
  if (fields.length === 0) return html`<span class="quiet">${Array.isArray(value) ? "none" : "{}"}</span>`
  const list = html`<dl class="tree">${fields.map(([key, part]) => {
    const at = path === "" ? key : `${path}.${key}`
    return html`<div class=${marked?.has(at) ? "field changed" : "field"}><dt>${Format.visible(key)}</dt><dd><${Json} value=${part} path=${at} marked=${marked} write=${write} /></dd></div>`
  })}</dl>`
  return fields.length > 20
    ? html`<details><summary>${Format.plural(fields.length, "part")}</summary>${list}</details>`
    : list
}

/** Where an aggregate is looked at; of a stream that is of none, its id alone. */
export const aggregateLink = (
  aggregate: string | null,
  id: string | null,
  streamId: string,
  version?: number
): Element =>
  aggregate === null || id === null
    ? html`<span>${Format.visible(streamId)}</span>`
    : html`<a data-row href=${Route.format(["aggregate", aggregate, id], { version })}>${Format.visible(streamId)}${version === undefined ? "" : html` <span class="quiet">v${version}</span>`}</a>`

/** Marks of what is set, of which some are chosen: a view, a filter. */
export const Tabs = ({
  name,
  chosen,
  tabs
}: {
  readonly name: string
  readonly chosen: string
  readonly tabs: ReadonlyArray<{ readonly id: string; readonly title: string; readonly href: string }>
}): Element =>
  html`<nav class="tabs" aria-label=${name}>${tabs.map(
    ({ href, id, title }) => html`<a href=${href} aria-current=${id === chosen ? "page" : undefined}>${title}</a>`
  )}</nav>`
