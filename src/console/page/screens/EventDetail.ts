/** One event with all that is known of it: what it changed, how it was stored, what it came of and what came of it. */
import type { History } from "../../../http/ExplainApi.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { aggregateLink, Badge, Json, Time, table } from "../Parts.ts"
import * as Route from "../Route.ts"
import * as Words from "../Words.ts"
import type { Subject } from "./Aggregate.ts"

export type Explained = (typeof History.Type)["events"][number]

/** Named by its stored version and today's, where they differ. */
export const UpcastBadge = ({ event: { current, stored } }: { readonly event: Explained }): Element | string => {
  if (stored === null) return ""
  const [only] = current
  const to =
    current.length === 0 ? "retired" : current.length > 1 ? `split in ${current.length}` : `v${only?.schemaVersion}`
  return html`<${Badge} kind="upcast">upcast v${stored.schemaVersion} → ${to}<//>`
}

export const EventDetail = ({ event, subject }: { readonly event: Explained; readonly subject: Subject }): Element => {
  const app = Words.useApplication()
  const { id, part } = subject
  const linkTo = (streamId: string, version?: number) => {
    const found = Words.subjectOf(app, streamId)
    return aggregateLink(found?.aggregate ?? null, found?.id ?? null, streamId, version)
  }
  const types = event.current.map(({ type }) => type).join(", ") || event.stored?.type
  const sentTable = (name: string, sent: Explained["sent"]) =>
    sent.length > 0 &&
    html`<h3>${name}</h3>${table(name, sent, [
      { title: "By", cell: ({ by }) => by },
      { title: "Command", cell: ({ command }) => command ?? "–" },
      { title: "To", cell: ({ events, streamId, version }) => linkTo(streamId, events > 0 ? version : undefined) },
      {
        title: "Outcome",
        cell: ({ outcome }) => html`<${Badge} kind=${outcome === "success" ? "good" : "warning"}>${outcome}<//>`
      }
    ])}`
  return html`<div class="panel detail">
    <p><strong>${types}</strong> <${UpcastBadge} event=${event} /></p>
    <dl class="facts">
      <dt>Version</dt><dd class="figure">${event.version}</dd>
      <dt>Position</dt><dd class="figure">${event.position}</dd>
      <dt>Journal entry</dt><dd class="figure"><a href=${Route.format(["journal"], { at: event.sequence })}>#${event.sequence}</a></dd>
      <dt>Recorded</dt><dd><${Time} at=${event.recordedAt} /></dd>
      <dt>Command</dt><dd>${event.command ?? "of an earlier release"} · <a class="mono" href=${Route.format(["command", part.name, id, event.commandId])}>${Format.visible(event.commandId)}</a></dd>
      <dt>Sent by</dt><dd>${event.principal === null ? html`<span class="quiet">nobody is named</span>` : Format.visible(event.principal)}</dd>
      <dt>Conversation</dt><dd><a class="mono" href=${Route.format(["search"], { q: event.correlationId })}>${Format.visible(event.correlationId)}</a></dd>
      <dt>Cause</dt><dd>${event.cause === null ? (event.causationId === null ? html`<span class="quiet">a client</span>` : Format.visible(event.causationId)) : linkTo(event.cause.streamId, event.cause.version)}</dd>
    </dl>
    <h3>What it changed</h3>
    ${table(
      "Changes",
      event.changes,
      [
        { title: "Path", cell: ({ path }) => html`<code>${path || "the whole state"}</code>` },
        { title: "Before", isNumber: true, cell: ({ before, path }) => subject.write(path, before) },
        { title: "After", isNumber: true, cell: ({ after, path }) => subject.write(path, after) }
      ],
      "It changed nothing in the state."
    )}
    ${event.moreChanges > 0 && html`<p class="quiet">and ${Format.plural(event.moreChanges, "more change")}</p>`}
    <h3>What it says${event.stored === null ? "" : ", as it is read today"}</h3>
    ${event.current.map(({ data }) => html`<${Json} value=${data} />`)}
    ${event.stored !== null && html`<h3>As it was stored: ${event.stored.type} v${event.stored.schemaVersion}</h3><${Json} value=${event.stored.data} />`}
    ${sentTable("What reactions sent because of it", event.sent)}
    ${sentTable("What they sent beside its command", event.beside)}
  </div>`
}
