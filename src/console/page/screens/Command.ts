/**
 * What became of a command: what was sent, what was answered, and of a refusal on what it was decided and what it would
 * have taken.
 */
import type { Told } from "../../../http/ExplainApi.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { AsOf, aggregateLink, Badge, Empty, Json, shown, Time } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Route from "../Route.ts"

type Answer = typeof Told.Type

const reasons: Readonly<Record<string, string>> = {
  "payload-not-kept": "its payload was not kept",
  "payload-damaged": "its payload is damaged",
  "payload-unreadable": "its payload cannot be read by this release",
  "command-unknown": "this release knows no such command",
  "decision-is-an-effect": "its decision asks services, which are not asked again",
  "decision-threw": "its decision fails today"
}

const passing = (told: NonNullable<Answer["wouldPass"]>): string => {
  switch (told._tag) {
    case "After":
      return `It would have passed after version ${told.version}${told.type === null ? "" : ` (${told.type})`}.`
    case "Never":
      return `It would have passed after none of the events up to version ${told.upTo}${told.isEnd ? ", the newest" : ""}.`
    case "NotComputed":
      return `When it would have passed is not known: ${reasons[told.reason] ?? told.reason}.`
  }
}

export const Command = ({
  aggregate,
  commandId,
  id
}: {
  readonly aggregate: string
  readonly id: string
  readonly commandId: string
}): Element => {
  const resource = useResource<Answer>(
    `/aggregates/${encodeURIComponent(aggregate)}/${encodeURIComponent(id)}/explain/${encodeURIComponent(commandId)}`
  )
  return html`<section>
    <p class="crumbs"><a href=${Route.format(["aggregate", aggregate, id])}>${aggregate} ${Format.visible(id)}</a></p>
    <h1>Command <span class="mono">${Format.visible(commandId)}</span></h1>
    <p><${AsOf} of=${resource} /></p>
    ${
      resource.value === undefined && resource.problem?.body.code === "command-not-found"
        ? html`<${Empty}>No command of this id was sent to ${aggregate} ${Format.visible(id)}.<//>`
        : shown(
            resource,
            (told) => html`<div class="panel">
      <p><strong>${told.command ?? "A command of an earlier release"}</strong>
        <${Badge} kind=${told.outcome === "success" ? "good" : "warning"}>${told.outcome}<//></p>
      ${told.wouldPass !== null && html`<p>${passing(told.wouldPass)}</p>`}
      <dl class="facts">
        <dt>To</dt><dd>${aggregateLink(aggregate, id, told.streamId, told.events > 0 ? told.version : undefined)}</dd>
        <dt>Events</dt><dd class="figure">${told.events}</dd>
        <dt>Journal entry</dt><dd><a class="figure" href=${Route.format(["journal"], { at: told.sequence })}>#${told.sequence}</a></dd>
        <dt>Recorded</dt><dd><${Time} at=${told.recordedAt} /></dd>
        <dt>Sent by</dt><dd>${told.principal === null ? html`<span class="quiet">nobody is named</span>` : Format.visible(told.principal)}</dd>
        <dt>Conversation</dt><dd><a class="mono" href=${Route.format(["search"], { q: told.correlationId })}>${Format.visible(told.correlationId)}</a></dd>
        ${told.causationId !== null && html`<dt>Cause</dt><dd class="mono">${Format.visible(told.causationId)}</dd>`}
      </dl>
      <h2>Answer</h2><${Json} value=${told.answer} />
      <h2>Payload</h2>${told.payload === null ? html`<p class="quiet">not kept</p>` : html`<${Json} value=${told.payload} />`}
      ${told.outcome === "refusal" && html`<h2>State on which it was refused</h2><${Json} value=${told.decidedOn} />`}
    </div>`
          )
    }
  </section>`
}
