/** What is found under an id, a command id, a conversation, a position or a trace. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { Hit } from "../../../http/ConsoleApi.ts"
import * as Api from "../Api.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { aggregateLink, Badge, Empty, Loading, Time, Trouble } from "../Parts.ts"
import * as Route from "../Route.ts"

interface Found {
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

export const Search = ({ q }: { readonly q: string }): Element => {
  const [found, setFound] = useState<Found & { readonly q: string }>()
  const [problem, setProblem] = useState<Api.Problem>()
  const [isOlder, setOlder] = useState(false)
  const list = useRef<HTMLUListElement>(null)
  const asked = useRef(q)
  asked.current = q
  const search = async (before: number | undefined, known: ReadonlyArray<Hit>): Promise<void> => {
    try {
      const next = await Api.get<Found>(`/console/search${Route.queryOf({ q, before })}`)
      // Somebody who looks for something else by now is not shown this.
      if (asked.current !== q) return
      setProblem(undefined)
      setFound({ ...next, q, hits: [...known, ...next.hits] })
    } catch (error) {
      if (asked.current === q) setProblem(Api.problemOf(error))
    }
  }
  useEffect(() => {
    setFound(undefined)
    setProblem(undefined)
    if (q !== "") void search(undefined, [])
  }, [q])
  // Who searched goes on by the arrows and Enter.
  useEffect(() => {
    if (found !== undefined && document.activeElement === document.body)
      list.current?.querySelector<HTMLElement>("[data-row]")?.focus()
  }, [found])
  const older = async (): Promise<void> => {
    setOlder(true)
    await search(found?.searched?.from, found?.hits ?? [])
    setOlder(false)
  }
  return html`<section>
    <h1>Search${q !== "" && html`: <span class="mono">${Format.visible(q)}</span>`}</h1>
    ${q === "" && html`<${Empty}>Type an id, a command id, a correlation id, a position, an entry of the journal as #12, or a trace id above.<//>`}
    ${problem !== undefined && html`<${Trouble} problem=${problem} again=${() => void search(undefined, [])} />`}
    ${q !== "" && found === undefined && problem === undefined && html`<${Loading} />`}
    ${found !== undefined && found.hits.length === 0 && html`<${Empty}>Nothing is called so${found.complete ? "" : " among the entries that were looked through"}.<//>`}
    ${found !== undefined && found.hits.length > 0 && html`<ul class="hits" data-rows ref=${list}>${found.hits.map((hit) => html`<li>${hitOf(hit)}</li>`)}</ul>`}
    ${found !== undefined && found.searched !== null && html`<p class="quiet">Entries ${Format.count(found.searched.from)} to ${Format.count(found.searched.to)} of the journal were looked through.</p>`}
    ${found !== undefined && !found.complete && html`<button type="button" disabled=${isOlder} onClick=${() => void older()}>Search older entries</button>`}
  </section>`
}
