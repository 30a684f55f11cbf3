/**
 * The overview: whether the service takes commands, how fast, how far behind its models are, and what needs somebody.
 */
import type { Overview as Facts } from "../../../http/ConsoleViews.ts"
import { Sparkline } from "../Chart.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { Badge, Empty, shown, Time, table } from "../Parts.ts"
import { useHistory, useResource } from "../Resource.ts"
import * as Route from "../Route.ts"

const everyMillis = 2_000
/** Looks that a line has: five minutes of them. */
const looks = 150

const figure = (title: string, value: unknown, under: unknown = ""): Element =>
  html`<div class="card"><h3>${title}</h3><p class="big">${value}</p><div class="under">${under}</div></div>`

/** Whether a lag grows, as the first and the second half of what was seen tell. */
const trendOf = (lags: ReadonlyArray<number>): string => {
  if (lags.length < 4) return ""
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const recent = lags.slice(-10)
  const half = Math.floor(recent.length / 2)
  const [before, after] = [mean(recent.slice(0, half)), mean(recent.slice(half))]
  return after > before * 1.1 + 1 ? "growing" : after < before * 0.9 - 1 ? "falling" : "steady"
}

const alarmPath = (what: Facts["alarms"][number]["what"]): string =>
  what === "projection" ? "#/projections" : what === "process" ? "#/reactions" : "#/store"

export const Overview = (): Element => {
  const resource = useResource<Facts>("/console/overview", everyMillis)
  const history = useHistory(resource.value, resource.at, looks)
  const line = (label: string, of: (facts: Facts) => number | null) =>
    html`<${Sparkline} label=${label} values=${history.map(of).filter((value) => value !== null)} />`
  return html`<section>
    <h1>Overview</h1>
    ${shown(
      resource,
      ({ actors, alarms, checks, head, projections, rates, release, uptimeSeconds, waits }) => html`<div>
      ${
        alarms.length > 0 &&
        html`<ul class="alarms" aria-label="Alarms">${alarms.map(
          ({ detail, name, severity, what }) => html`<li class=${severity}>
          <${Badge} kind=${severity}>${severity}<//> <a href=${alarmPath(what)}>${name}</a>: ${Format.visible(detail)}</li>`
        )}</ul>`
      }
      <div class="cards">
        ${figure(
          "Events",
          Format.rate(rates.eventsPerSecond),
          line("Events a second, of the last minutes", (facts) => facts.rates.eventsPerSecond)
        )}
        ${figure(
          "Commands",
          Format.rate(rates.commandsPerSecond),
          line("Commands a second, of the last minutes", (facts) => facts.rates.commandsPerSecond)
        )}
        ${figure("Commit, median", Format.millis(rates.commitP50Ms), rates.commits === null ? "measured from the second look on" : `of ${Format.plural(rates.commits, "commit")} in ${Format.duration(rates.windowSeconds ?? 0)}`)}
        ${figure(
          "Commit, p99",
          Format.millis(rates.commitP99Ms),
          line("Milliseconds, of the last minutes", (facts) => facts.rates.commitP99Ms)
        )}
        ${figure("Live actors", Format.count(actors.live), `${Format.count(actors.waiting)} waiting · ${Format.count(actors.recoveries)} recovered · ${Format.count(actors.passivations)} passivated`)}
        ${figure("Head of the log", Format.count(head.position), html`<span>newest: <${Time} at=${head.recordedAt} /></span>`)}
      </div>
      <h2>Ready checks</h2>
      ${table("Ready checks", checks, [
        { title: "Check", cell: ({ name }) => name },
        {
          title: "State",
          cell: ({ ok }) => html`<${Badge} kind=${ok ? "good" : "error"}>${ok ? "ready" : "not ready"}<//>`
        },
        { title: "Detail", cell: ({ detail }) => Format.visible(detail) }
      ])}
      <h2>Models and processes</h2>
      ${
        projections.length === 0
          ? html`<${Empty}>The application has no projections and no reactions.<//>`
          : table("Models and processes", projections, [
              {
                title: "Name",
                cell: ({ kind, name }) =>
                  html`<a data-row href=${Route.format([kind === "projection" ? "projections" : "reactions"], { name })}>${name}</a>`
              },
              { title: "Kind", cell: ({ kind }) => kind },
              {
                title: "State",
                cell: ({ status, stuck }) =>
                  html`<${Badge} kind=${status === "running" ? "good" : status === "halted" || status === "ahead" ? "error" : "warning"}>${status}<//>${stuck > 0 && html` <${Badge} kind="error">${stuck} stuck<//>`}`
              },
              {
                title: "Lag",
                isNumber: true,
                cell: ({ lag }) => `${Format.plural(lag.events, "event")}, ${Format.duration(lag.seconds)}`
              },
              {
                title: "Trend",
                cell: ({ name }) => {
                  const lags = history.map(
                    (facts) => facts.projections.find((each) => each.name === name)?.lag.events ?? 0
                  )
                  return html`<span class="trend"><${Sparkline} label=${`Lag of ${name}`} values=${lags} /> ${trendOf(lags)}</span>`
                }
              }
            ])
      }
      <p class="quiet">Up for ${Format.duration(uptimeSeconds)}${release !== null && ` · release ${release}`} · log ${head.logId}, epoch ${head.epoch} · ${Format.plural(waits.subscribers, "subscriber")} · ${Format.plural(waits.requests, "request")} waiting. Rates, actors and waits are of the process that answers.</p>
    </div>`
    )}
  </section>`
}
