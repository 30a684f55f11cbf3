/**
 * Projections, or reactions: how far each is, what it is stuck at, what was taken out, and what an operator may do
 * about it.
 */
import type { ProjectionView } from "../../../http/ProjectionsApi.ts"
import { type Act, Actions, planned } from "../Action.ts"
import * as Api from "../Api.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { aggregateLink, Badge, Empty, shown, Time, table } from "../Parts.ts"
import { useResource } from "../Resource.ts"
import * as Words from "../Words.ts"

const everyMillis = 2_000

const kindOf = (status: ProjectionView["status"]): string =>
  status === "running" ? "good" : status === "halted" || status === "ahead" ? "error" : "warning"

const segment = ({ kind, name }: ProjectionView): string => `/${kind}s/${encodeURIComponent(name)}`

/** What may be done with all of it. */
const actsOn = (view: ProjectionView, onDone: () => void): ReadonlyArray<Act> => {
  const { kind, name, status } = view
  const plain = (verb: "pause" | "resume", title: string, says: string): Act => ({
    title,
    says,
    path: `/projections/${encodeURIComponent(name)}/${verb}`,
    body: {},
    cli: ["projections", verb, name],
    onDone
  })
  const held =
    status === "paused"
      ? plain("resume", "Resume", `${name} goes on where it was paused, and catches up with the log.`)
      : plain(
          "pause",
          "Pause",
          `${name} stops after the event that it is at, until it is resumed, also when the process starts again. ${kind === "projection" ? "Queries are answered as of then." : "What it would send waits."}`
        )
  if (kind === "reaction") return [held]
  const rebuild: Act = {
    title: "Rebuild",
    says: `${name} is rebuilt from the whole log into new tables, which take the place of the present ones when they are whole.`,
    path: `/projections/${encodeURIComponent(name)}/rebuild`,
    body: {},
    cli: ["rebuild", name],
    look: () => planned(name),
    onDone
  }
  return [rebuild, held]
}

/** What may be done with a stream that waits. */
const actsAt = (
  view: ProjectionView,
  { streamId, type, version }: ProjectionView["stuck"][number],
  onDone: () => void
): ReadonlyArray<Act> => {
  const { kind, name } = view
  const verb = kind === "projection" ? "projections" : "reactions"
  const retry: Act = {
    title: "Retry",
    says: `${name} tries version ${version} of ${streamId} (${type}) again, now, and goes on with the stream where that succeeds.`,
    path: `${segment(view)}/retry`,
    body: { streamId },
    cli: [verb, "retry", name, streamId],
    onDone
  }
  if (kind === "projection") {
    const skip: Act = {
      title: "Skip",
      says: `${name} passes over version ${version} of ${streamId} (${type}): it will lack what that event says, until the skip is undone.`,
      path: `${segment(view)}/skip`,
      body: { streamId },
      cli: [verb, "skip", name, streamId],
      onDone,
      isDangerous: true
    }
    return [retry, skip]
  }
  const abandon: Act = {
    title: "Abandon",
    says: `${name} gives up version ${version} of ${streamId} (${type}). What it would have sent is not sent.`,
    path: `${segment(view)}/abandon`,
    body: { streamId },
    cli: [verb, "abandon", name, streamId],
    look: async () => {
      const { undone } = await Api.post<{ readonly undone: string }>(
        `${segment(view)}/abandon`,
        { streamId, dryRun: true },
        crypto.randomUUID()
      )
      return `Dry run: ${undone}`
    },
    onDone,
    isDangerous: true
  }
  return [retry, abandon]
}

/**
 * Streams that wait, each with the event that failed: those beside which the others went on, and the one at which all
 * of it halted.
 */
const waiting = ({ lastError, status, stuck }: ProjectionView): ProjectionView["stuck"] => {
  if (status !== "halted" || lastError === null) return stuck
  const { attempts, position, streamId, type, version } = lastError
  if (position === null || streamId === null || type === null || version === null) return stuck
  return [{ attempts, position, streamId, type, version }, ...stuck]
}

const One = ({ onDone, view }: { readonly view: ProjectionView; readonly onDone: () => void }): Element => {
  const app = Words.useApplication()
  const { abandoned, kind, lag, lastError, name, position, rebuild, skipped, status } = view
  const stuck = waiting(view)
  const linkTo = (streamId: string, version: number) => {
    const found = Words.subjectOf(app, streamId)
    return aggregateLink(found?.aggregate ?? null, found?.id ?? null, streamId, version)
  }
  const who = (given: { readonly principal: string | null; readonly reason: string | null }) =>
    `${given.principal ?? "nobody is named"}: ${given.reason ?? "no reason"}`
  return html`<article class="panel" aria-labelledby=${`of-${name}`}>
    <h2 id=${`of-${name}`}>${name} <${Badge} kind=${kindOf(status)}>${status}<//>${stuck.length > 0 && html` <${Badge} kind="error">${stuck.length} stuck<//>`}</h2>
    <dl class="facts">
      <dt>Position</dt><dd class="figure">${Format.count(position)}</dd>
      <dt>Lag</dt><dd class="figure">${Format.plural(lag.events, "event")}, ${Format.duration(lag.seconds)}</dd>
      ${
        lastError !== null &&
        html`<dt>Last error</dt><dd>at ${lastError.step}${lastError.streamId !== null && html` of ${linkTo(lastError.streamId, lastError.version ?? 1)}`}, ${Format.plural(lastError.attempts, "attempt")}. Its text is in the log of the service.</dd>`
      }
    </dl>
    ${
      rebuild !== null &&
      html`<div class="rebuild"><label>Rebuild <progress max=${rebuild.target} value=${rebuild.position}></progress></label>
        <span class="figure">${Math.floor((rebuild.position / Math.max(rebuild.target, 1)) * 100)} %</span>
        <span class="quiet">${Format.rate(rebuild.eventsPerSecond)}, ${rebuild.secondsLeft === null ? "time left not known yet" : `${Format.duration(rebuild.secondsLeft)} left`}</span></div>`
    }
    <${Actions} acts=${actsOn(view, onDone)} />
    ${
      stuck.length > 0 &&
      html`<h3>Stuck: streams that wait behind an event that failed</h3>${table(
        `Stuck work of ${name}`,
        stuck,
        [
          { title: "Event", cell: ({ streamId, version }) => linkTo(streamId, version) },
          { title: "Type", cell: ({ type }) => type },
          { title: "Attempts", isNumber: true, cell: ({ attempts }) => attempts },
          { title: "", cell: (letter) => html`<${Actions} acts=${actsAt(view, letter, onDone)} />` }
        ],
        undefined,
        ({ streamId }) => streamId
      )}`
    }
    ${
      skipped.length > 0 &&
      html`<h3>Skipped by operators</h3>${table(
        `Skipped by ${name}`,
        skipped,
        [
          { title: "Event", cell: ({ streamId, version }) => linkTo(streamId, version) },
          { title: "When", cell: ({ skippedAt }) => html`<${Time} at=${skippedAt} />` },
          { title: "Who, and why", cell: (skip) => Format.visible(who(skip)) },
          {
            title: "",
            cell: ({ lifted, streamId, version }) =>
              lifted
                ? "taken in by the rebuild"
                : html`<${Actions} acts=${[
                    {
                      title: "Undo the skip",
                      says: `${name} takes version ${version} of ${streamId} in again, and is rebuilt for that.`,
                      path: `${segment(view)}/unskip`,
                      body: { streamId, version },
                      cli: ["projections", "unskip", name, streamId, String(version)],
                      onDone
                    }
                  ]} />`
          }
        ],
        undefined,
        ({ streamId, version }) => `${streamId} ${version}`
      )}`
    }
    ${
      abandoned.length > 0 &&
      html`<h3>Abandoned by operators</h3>${table(
        `Abandoned by ${name}`,
        abandoned,
        [
          { title: "Event", cell: ({ streamId, version }) => linkTo(streamId, version) },
          { title: "When", cell: ({ abandonedAt }) => html`<${Time} at=${abandonedAt} />` },
          { title: "Who, and why", cell: (given) => Format.visible(who(given)) },
          { title: "What stays undone", cell: ({ undone }) => Format.visible(undone ?? "nothing") },
          {
            title: "",
            cell: ({ streamId }) =>
              html`<${Actions} acts=${[
                {
                  title: "Take up again",
                  says: `${name} tries again what was given up of ${streamId}.`,
                  path: `${segment(view)}/take-up`,
                  body: { streamId },
                  cli: ["reactions", "take-up", name, streamId],
                  onDone
                }
              ]} />`
          }
        ],
        undefined,
        ({ streamId, version }) => `${streamId} ${version}`
      )}`
    }
    ${stuck.length === 0 && lastError === null && html`<p class="quiet">Nothing waits for an operator.</p>`}
    ${kind === "reaction" && stuck.length > 0 && html`<p class="quiet">A stuck reaction tries again now and then by itself. The event's own page lists what was sent because of it; what it lacks is what fails, and the page of the one to which that goes says why.</p>`}
  </article>`
}

export const Projections = ({ kind }: { readonly kind: ProjectionView["kind"] }): Element => {
  const resource = useResource<{ readonly projections: ReadonlyArray<ProjectionView> }>("/projections", everyMillis)
  return html`<section>
    <h1>${kind === "projection" ? "Projections" : "Reactions"}</h1>
    ${shown(resource, ({ projections }) => {
      const views = projections.filter((each) => each.kind === kind)
      return views.length === 0
        ? html`<${Empty}>The application has no ${kind}s.<//>`
        : html`<div class="stack">${views.map((view) => html`<${One} key=${view.name} view=${view} onDone=${resource.again} />`)}</div>`
    })}
  </section>`
}
