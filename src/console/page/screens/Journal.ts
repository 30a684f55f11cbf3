/**
 * The journal: what was decided and what operators did, with its head and whether the newest entries are what was
 * stored.
 */
import type { EntryView } from "../../../http/ConsoleViews.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { AsOf, aggregateLink, Badge, Copied, shown, Tabs, Time, table } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"
import { Operations } from "./Operations.ts"

interface Head {
  readonly head: {
    readonly logId: string
    readonly epoch: number
    readonly sequence: number
    readonly position: number
    readonly hash: string
    readonly recordedAt: string | null
  }
  readonly check: { readonly from: number; readonly to: number; readonly ok: boolean; readonly detail: string }
}

const pageSize = 100

const HeadPanel = ({ check, head }: Head): Element =>
  html`<div class="panel">
    <p>${check.ok ? html`<${Badge} kind="good">checked<//>` : html`<${Badge} kind="error">damaged<//>`} Entries ${Format.count(check.from)} to ${Format.count(check.to)}: ${Format.visible(check.detail)}.</p>
    <dl class="facts">
      <dt>Log</dt><dd class="mono">${head.logId}.${head.epoch}</dd>
      <dt>Newest entry</dt><dd class="figure">#${head.sequence}, position ${head.position}, <${Time} at=${head.recordedAt} /></dd>
      <dt>Hash</dt><dd class="mono wrap">${head.hash}</dd>
    </dl>
    <${Copied} label="CLI" text="daybook head" />
  </div>`

const outcomeOf = ({ kind, outcome }: EntryView): Element =>
  outcome === null
    ? html`<${Badge} kind="plain">${kind}<//>`
    : html`<${Badge} kind=${outcome === "success" ? "good" : "warning"}>${outcome}<//>`

const Entries = ({ at, head }: { readonly at: number | undefined; readonly head: number }): Element => {
  // The entry that is looked for is in the middle; without one, the newest are shown.
  const last = Math.min(at === undefined ? head : Math.max(at + pageSize / 2, pageSize), head)
  const after = Math.max(last - pageSize, 0)
  const resource = useResource<{ readonly entries: ReadonlyArray<EntryView> }>(
    `/console/journal${Route.queryOf({ after, limit: pageSize })}`
  )
  return shown(
    resource,
    ({ entries }) => html`<div>
    <p class="quiet">Newest first: entries ${Format.count(after + 1)} to ${Format.count(last)}.</p>
    ${table(
      "Journal",
      entries.filter(({ sequence }) => sequence <= last).toReversed(),
      [
        {
          title: "Entry",
          isNumber: true,
          cell: ({ sequence }) => html`<span class=${sequence === at ? "found" : ""}>#${sequence}</span>`
        },
        { title: "Recorded", cell: ({ recordedAt }) => html`<${Time} at=${recordedAt} />` },
        {
          title: "What",
          cell: ({ aggregate, commandId, id, name }) =>
            aggregate !== null && id !== null && commandId !== null
              ? html`<a data-row href=${Route.format(["command", aggregate, id, commandId])}>${name ?? "a command"}</a>`
              : (name ?? "–")
        },
        { title: "Outcome", cell: outcomeOf },
        {
          title: "To",
          cell: ({ aggregate, events, id, streamId, version }) =>
            streamId === null ? "–" : aggregateLink(aggregate, id, streamId, events > 0 ? version : undefined)
        },
        { title: "Events", isNumber: true, cell: ({ events }) => events },
        { title: "Who", cell: ({ principal }) => (principal === null ? "–" : Format.visible(principal)) }
      ],
      "Nothing was decided yet."
    )}
    <p class="bar">
      ${last < head && html`<a class="button" href=${Route.format(["journal"])}>Newest</a>`}
      ${after > 0 && html`<a class="button" href=${Route.format(["journal"], { at: Math.max(after - pageSize / 2, 1) })}>Older</a>`}
    </p>
  </div>`
  )
}

const All = ({ at }: { readonly at: number | undefined }): Element => {
  const resource = useResource<Head>("/console/head")
  return html`<div>
    <p><${AsOf} of=${resource} /></p>
    ${shown(resource, (newest) => html`<div><${HeadPanel} ...${newest} /><${Entries} at=${at} head=${newest.head.sequence} /></div>`)}
  </div>`
}

/** An entry's number in the address. */
const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined

export const Journal = ({ route: { path, query } }: { readonly route: Route.Route }): Element => {
  const isOperations = path[0] === "operations"
  return html`<section>
    <h1>${isOperations ? "Operations" : "Journal"}</h1>
    <${Tabs} name="Journal" chosen=${path[0] ?? ""} tabs=${[
      { id: "journal", title: "All entries", href: "#/journal" },
      { id: "operations", title: "What operators did", href: "#/operations" }
    ]} />
    ${isOperations ? html`<${Operations} before=${numberOf(query.before)} />` : html`<${All} at=${numberOf(query.at)} />`}
  </section>`
}
