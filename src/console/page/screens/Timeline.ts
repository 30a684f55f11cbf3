/**
 * The history of an aggregate as a list of any length: one row for each event, with what it added to the number that
 * matters.
 */
import { useState } from "preact/hooks"
import type { History } from "../../../http/ExplainApi.ts"
import * as Api from "../Api.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import * as Route from "../Route.ts"
import { VirtualList } from "../VirtualList.ts"
import type { Subject } from "./Aggregate.ts"
import { type Explained, UpcastBadge } from "./EventDetail.ts"

const rowHeight = 44

export const Timeline = ({ base, head, id, part, version, write }: Subject): Element => {
  const [isNewestFirst, setNewestFirst] = useState(true)
  const field = part.words.numbers?.[0]
  const load = async (from: number, limit: number, signal: AbortSignal): Promise<ReadonlyArray<Explained>> => {
    const after = isNewestFirst ? head - from - limit : from
    const query = Route.queryOf({ after, limit, version: after + limit, field: field?.path })
    const { events } = await Api.get<typeof History.Type>(`${base}/explain${query}`, signal)
    return isNewestFirst ? events.toReversed() : events
  }
  const indexOf = (at: number) => (isNewestFirst ? head - at : at - 1)
  const added = ({ field: running }: Explained) => {
    if (running === undefined || field === undefined || running.contribution === null) return ""
    const taken = running.contribution.startsWith("-")
    const amount = write(field.path, running.contribution)
    return running.contribution === "0"
      ? ""
      : html`<span class=${taken ? "taken" : "added"}>${taken ? amount : `+${amount}`}</span> <span class="running">${write(field.path, running.after)}</span>`
  }
  const row = (event: Explained | undefined, index: number): Element => {
    const at = isNewestFirst ? head - index : index + 1
    if (event === undefined) return html`<span class="event quiet"><span class="figure">v${at}</span> …</span>`
    const types = event.current.map(({ type }) => type).join(", ") || event.stored?.type
    return html`<a data-row class="event" aria-current=${at === version ? "true" : undefined}
      href=${Route.format(["aggregate", part.name, id], { version: at === head ? undefined : at })}>
      <span class="figure place">v${at}</span>
      <span class="what">${types} <${UpcastBadge} event=${event} />${event.cause !== null && html` <span class="badge plain" title=${`because of ${event.cause.streamId} v${event.cause.version}`}>caused</span>`}</span>
      <span class="figure added-to">${added(event)}</span>
      <span class="when" title=${Format.local(event.recordedAt)}>${Format.utc(event.recordedAt)}</span>
    </a>`
  }
  return html`<div>
    <div class="bar"><h2>History${field === undefined ? "" : `, and ${field.title.toLowerCase()}`}</h2>
      <button type="button" onClick=${() => setNewestFirst(!isNewestFirst)}>${isNewestFirst ? "Show oldest first" : "Show newest first"}</button></div>
    <${VirtualList} name=${`History, ${Format.plural(head, "event")}`} total=${head} rowHeight=${rowHeight} inSight=${indexOf(version)}
      load=${load} source=${`${base} ${head} ${isNewestFirst}`} row=${row} />
  </div>`
}
