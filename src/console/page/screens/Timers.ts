/** Timers that wait for their time, those that are late first. */

import { Actions } from "../Action.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { aggregateLink, Badge, shown, Time, table } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"

interface Timer {
  readonly key: string
  readonly due: string
  readonly late: boolean
  readonly aggregate: string
  readonly id: string
  readonly command: string
  readonly scheduledAt: string
  readonly streamId: string
  readonly version: number
}

interface Page {
  readonly timers: ReadonlyArray<Timer>
  readonly pending: number
  readonly due: number
  readonly lateSeconds: number
  readonly nextCursor: string | null
}

const everyMillis = 5_000

export const Timers = ({ route: { query } }: { readonly route: Route.Route }): Element => {
  const resource = useResource<Page>(`/timers${Route.queryOf({ limit: 100, cursor: query.cursor })}`, everyMillis)
  const path = (key: string, verb: string) => `/timers/${encodeURIComponent(key)}/${verb}`
  return html`<section>
    <h1>Timers</h1>
    ${shown(
      resource,
      ({ due, lateSeconds, nextCursor, pending, timers }) => html`<div>
            <p>${Format.plural(pending, "timer")} wait${pending === 1 ? "s" : ""}; ${Format.count(due)} of them late${due > 0 ? `, by up to ${Format.duration(lateSeconds)}` : ""}.</p>
            ${table(
              "Timers",
              timers,
              [
                {
                  title: "Due",
                  cell: ({ due: at, late }) =>
                    html`<${Time} at=${at} /> ${late && html`<${Badge} kind="warning">late<//>`}`
                },
                { title: "Command", cell: ({ command }) => command },
                { title: "To", cell: ({ aggregate, id }) => aggregateLink(aggregate, id, `${aggregate} ${id}`) },
                {
                  title: "Key",
                  cell: ({ key }) =>
                    html`<a class="mono" data-row href=${Route.format(["aggregate", "Timer", key])}>${Format.visible(key)}</a>`
                },
                { title: "Scheduled", cell: ({ scheduledAt }) => html`<${Time} at=${scheduledAt} />` },
                {
                  title: "",
                  cell: ({ command, key }) =>
                    html`<${Actions} acts=${[
                      {
                        title: "Fire now",
                        says: `${command} is sent now, whatever the timer's time.`,
                        path: path(key, "fire"),
                        body: {},
                        cli: ["timers", "fire", key],
                        onDone: resource.again
                      },
                      {
                        title: "Cancel timer",
                        says: `${command} will not be sent.`,
                        path: path(key, "cancel"),
                        body: {},
                        cli: ["timers", "cancel", key],
                        onDone: resource.again,
                        isDangerous: true
                      }
                    ]} />`
                }
              ],
              "No timer waits.",
              ({ key }) => key
            )}
            ${nextCursor !== null && html`<a class="button" href=${Route.format(["timers"], { cursor: nextCursor })}>Later ones</a>`}
          </div>`
    )}
  </section>`
}
