/** The store: where the log is, how large, what it is made of, and how the service was set up. */
import { useState } from "preact/hooks"
import type { StoreView } from "../../../http/ConsoleViews.ts"
import type { LogStats } from "../../../http/ServiceApi.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { AsOf, Badge, Copied, shown, Time, table } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"

const Made = (): Element =>
  shown(
    useResource<LogStats>("/stats"),
    ({ bytes, events, largest, longest, snapshots, types }) => html`<div>
    <p>${Format.plural(events, "event")} with ${Format.bytes(bytes)} of data. Of ${Format.plural(snapshots.streams, "stream")} with a snapshot, ${Format.count(snapshots.meanDistance)} events came after the newest one on average.</p>
    <h3>Events by type and version</h3>
    ${table("Events by type and version", types, [
      { title: "Streams", cell: ({ prefix }) => prefix },
      { title: "Type", cell: ({ type }) => type },
      { title: "Stored version", isNumber: true, cell: ({ schemaVersion }) => `v${schemaVersion}` },
      { title: "Events", isNumber: true, cell: (row) => Format.count(row.events) },
      { title: "Data", isNumber: true, cell: (row) => Format.bytes(row.bytes) }
    ])}
    <div class="pair"><div><h3>Longest streams</h3>
    ${table("Longest streams", longest, [
      { title: "Stream", cell: ({ streamId }) => Format.visible(streamId) },
      { title: "Events", isNumber: true, cell: ({ version }) => Format.count(version) }
    ])}</div><div><h3>Largest events</h3>
    ${table("Largest events", largest, [
      { title: "Stream", cell: ({ streamId, version }) => `${Format.visible(streamId)} v${version}` },
      { title: "Type", cell: ({ type }) => type },
      { title: "Data", isNumber: true, cell: (row) => Format.bytes(row.bytes) }
    ])}</div></div>
    <h3>Farthest from their snapshot</h3>
    ${table(
      "Farthest from their snapshot",
      snapshots.farthest,
      [
        { title: "Stream", cell: ({ streamId }) => Format.visible(streamId) },
        { title: "Snapshot at", isNumber: true, cell: ({ snapshot }) => Format.count(snapshot) },
        { title: "Events", isNumber: true, cell: ({ version }) => Format.count(version) }
      ],
      "No stream has a snapshot yet."
    )}
  </div>`
  )

const verified = (last: StoreView["lastVerify"]): Element =>
  last === null
    ? html`<p>None was recorded. <code>verify</code> reads all that is stored and says what is wrong; with <code>--record</code> it leaves in the journal what it found.</p>`
    : html`<p><${Badge} kind=${last.problems === 0 ? "good" : "error"}>${last.problems === 0 ? "all was well" : Format.plural(last.problems, "problem")}<//>
        <${Time} at=${last.recordedAt} />${last.principal !== null && ` by ${Format.visible(last.principal)}`}${last.reason !== null && `: ${Format.visible(last.reason)}`}.
        Read up to <a href=${Route.format(["journal"], { at: last.sequence })}>entry #${last.sequence}</a>, with ${Format.plural(last.events, "event")}; what came after it was not.</p>`

export const Store = (): Element => {
  const resource = useResource<StoreView>("/console/store")
  const [isAsked, setAsked] = useState(false)
  return html`<section>
    <h1>Store</h1>
    <p><${AsOf} of=${resource} /></p>
    ${shown(
      resource,
      ({ backend, configuration, database, lastVerify, limits, release, sizes }) => html`<div>
      <dl class="facts">
        <dt>Backend</dt><dd>${backend ?? "not known"}</dd>
        <dt>Database</dt><dd class="mono wrap">${database ?? "not known"}</dd>
        <dt>Release</dt><dd>${release ?? "not known"}</dd>
        ${sizes.map(({ bytes, what }) => html`<dt>${what}</dt><dd class="figure">${Format.bytes(bytes)}</dd>`)}
      </dl>
      <h2>Last verify</h2>
      ${verified(lastVerify)}
      <${Copied} label="CLI" text="daybook verify --record" />
      <h2>What the log is made of</h2>
      ${isAsked ? html`<${Made} />` : html`<p><button type="button" onClick=${() => setAsked(true)}>Count</button> <span class="quiet">One pass over the whole log, beside which the service goes on.</span></p>`}
      <h2>Configuration</h2>
      ${table("Configuration", configuration, [
        { title: "Setting", cell: ({ name }) => name },
        {
          title: "Value",
          cell: ({ value }) =>
            value === null
              ? html`<span class="quiet">not shown, or not set</span>`
              : html`<code>${Format.visible(value)}</code>`
        },
        {
          title: "From",
          cell: ({ source }) => html`<${Badge} kind=${source === "default" ? "plain" : "upcast"}>${source}<//>`
        },
        { title: "Variable", cell: ({ variable }) => html`<code>${variable ?? "–"}</code>` }
      ])}
      <h2>Limits</h2>
      ${table("Limits", limits, [
        { title: "Limit", cell: ({ name }) => name },
        { title: "Value", isNumber: true, cell: ({ value }) => value },
        {
          title: "",
          cell: ({ isDefault }) =>
            isDefault ? html`<span class="quiet">default</span>` : html`<${Badge} kind="upcast">changed<//>`
        }
      ])}
    </div>`
    )}
  </section>`
}
