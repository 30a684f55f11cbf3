/** What is found under an id, a command id, a conversation, a position or a trace. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { Hit } from "../../../http/ConsoleViews.ts"
import * as Api from "../Api.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { AsOf, aggregateLink, Badge, Empty, shown, Time, Trouble } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"

interface Found {
  readonly q: string
  readonly hits: ReadonlyArray<Hit>
  readonly searched: { readonly from: number; readonly to: number } | null
  readonly complete: boolean
}

const hitOf = (hit: Hit): Element => {
  switch (hit.kind) {
    case "aggregate":
      return html`<${Badge} kind="plain">${hit.aggregate}<//> ${aggregateLink(hit.aggregate, hit.id, hit.streamId)}
        <span class="quiet">${Format.plural(hit.version, "event")}${hit.exact ? "" : ", begins so"}</span>`
    case "event":
      return html`<${Badge} kind="plain">event<//> ${aggregateLink(hit.aggregate, hit.id, hit.streamId, hit.version)}
        ${hit.type} <span class="quiet">position ${hit.position} · <${Time} at=${hit.recordedAt} /></span>`
    case "damaged":
      return html`<${Badge} kind="error">damaged<//> ${Format.visible(hit.streamId)} <span class="quiet">version ${hit.version}: what is stored there is not what was written</span>`
    case "command":
      return html`<${Badge} kind=${hit.outcome === "success" ? "good" : "warning"}>${hit.outcome}<//>
        <a data-row href=${Route.format(hit.aggregate === null || hit.id === null ? ["search"] : ["command", hit.aggregate, hit.id, hit.commandId])}>${hit.command ?? "a command"} · ${Format.visible(hit.commandId)}</a>
        to ${aggregateLink(hit.aggregate, hit.id, hit.streamId, hit.events > 0 ? hit.version : undefined)}
        <span class="quiet">entry ${hit.sequence}${hit.principal === null ? "" : ` · ${Format.visible(hit.principal)}`} · <${Time} at=${hit.recordedAt} />${hit.intact ? "" : " · the entry is damaged"}</span>`
  }
}

/** What was found at first, and what the search of older entries found since, as often as it was asked. */
interface Older {
  readonly first: Found
  readonly pages: ReadonlyArray<Found>
}

const Hits = ({ first }: { readonly first: Found }): Element => {
  const [older, setOlder] = useState<Older>({ first, pages: [] })
  const [problem, setProblem] = useState<Api.Problem>()
  const [isSearching, setSearching] = useState(false)
  const list = useRef<HTMLUListElement>(null)
  const pages = [first, ...(older.first === first ? older.pages : [])]
  const hits = pages.flatMap((page) => page.hits)
  const last = pages.at(-1) ?? first
  // Who searched goes on by the arrows and Enter.
  useEffect(() => {
    if (document.activeElement === document.body) list.current?.querySelector<HTMLElement>("[data-row]")?.focus()
  }, [hits.length])
  const search = async (): Promise<void> => {
    setSearching(true)
    try {
      const next = await Api.get<Found>(`/console/search${Route.queryOf({ q: first.q, before: last.searched?.from })}`)
      setProblem(undefined)
      setOlder({ first, pages: [...pages.slice(1), next] })
    } catch (error) {
      setProblem(Api.problemOf(error))
    } finally {
      setSearching(false)
    }
  }
  const from = last.searched?.from
  const to = pages.find(({ searched }) => searched !== null)?.searched?.to
  return html`<div>
    ${hits.length === 0 ? html`<${Empty}>Nothing is called so${last.complete ? "" : " among the entries that were looked through"}.<//>` : html`<ul class="hits" data-rows ref=${list}>${hits.map((hit) => html`<li>${hitOf(hit)}</li>`)}</ul>`}
    ${from !== undefined && to !== undefined && html`<p class="quiet">Entries ${Format.count(from)} to ${Format.count(to)} of the journal were looked through.</p>`}
    ${problem !== undefined && html`<${Trouble} problem=${problem} />`}
    ${!last.complete && html`<button type="button" disabled=${isSearching} onClick=${() => void search()}>Search older entries</button>`}
  </div>`
}

export const Search = ({ q }: { readonly q: string }): Element => {
  const resource = useResource<Found>(q === "" ? null : `/console/search${Route.queryOf({ q })}`)
  return html`<section>
    <h1>Search${q !== "" && html`: <span class="mono">${Format.visible(q)}</span>`}</h1>
    ${
      q === ""
        ? html`<${Empty}>Type an id, a command id, a correlation id, a position, an entry of the journal as #12, or a trace id above.<//>`
        : html`<div><p><${AsOf} of=${resource} /></p>${shown(resource, (first) => html`<${Hits} key=${q} first=${first} />`)}</div>`
    }
  </section>`
}
