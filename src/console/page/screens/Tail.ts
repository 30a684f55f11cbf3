/**
 * The live tail: events as they are stored, newest first. A chip shows one kind or aggregate alone, or leaves it out. While it is paused
 * what comes is counted and held, and after a lost connection a line says that there was a gap, and that what was stored in it is here.
 */
import { useEffect, useRef, useState } from "preact/hooks"
import type { Overview } from "../../../http/ConsoleApi.ts"
import type { StoredEvent } from "../../../http/ServiceApi.ts"
import * as Api from "../Api.ts"
import * as Feed from "../Feed.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { aggregateLink, Badge, Empty, Trouble } from "../Parts.ts"
import * as Route from "../Route.ts"
import * as Words from "../Words.ts"

/** Events that are kept to look at, and that are held while it is paused. */
const most = 500
const mostHeld = 10_000

type Line = { readonly kind: "event"; readonly event: StoredEvent } | { readonly kind: "notice"; readonly text: string }

interface Shown {
  readonly lines: ReadonlyArray<Line>
  readonly held: number
  readonly dropped: number
}

interface Rule {
  readonly by: "type" | "aggregate"
  readonly name: string
  readonly isOut: boolean
}

/** As in the address: `type:Opened`, and `!type:Opened` of what is left out. */
const parse = (text: string | undefined): ReadonlyArray<Rule> =>
  (text ?? "").split(" ").flatMap((word) => {
    const [, out, by, name] = /^(!?)(type|aggregate):(.+)$/.exec(word) ?? []
    return by === "type" || by === "aggregate" ? [{ by, name: decodeURIComponent(name ?? ""), isOut: out === "!" }] : []
  })
const format = (rules: ReadonlyArray<Rule>): string =>
  rules.map(({ by, isOut, name }) => `${isOut ? "!" : ""}${by}:${encodeURIComponent(name)}`).join(" ")

const wordOf = (event: StoredEvent, by: Rule["by"]): string =>
  by === "type" ? event.type : event.streamId.slice(0, event.streamId.indexOf("-"))

/** What the service is asked for: what is to be shown. What is left out comes, and is not shown. */
const pathOf = (after: number, rules: ReadonlyArray<Rule>): string => {
  const query = new URLSearchParams({ after: String(after), skipDamaged: "true" })
  for (const { by, isOut, name } of rules) if (!isOut) query.append(by, name)
  return `/events/stream?${query}`
}

const noticeOf = ({ data, event }: Feed.Message): Line => ({
  kind: "notice",
  text:
    event === "damaged"
      ? `An event is damaged, and is not shown: ${data}`
      : `An event of a newer release is here: ${data}. The feed goes on once that is deployed.`
})

/** Events of a page before the head, so that one sees what happened last. */
const before = 50

const useTail = (rules: ReadonlyArray<Rule>, isPaused: boolean) => {
  const [shown, setShown] = useState<Shown>({ lines: [], held: 0, dropped: 0 })
  const [state, setState] = useState<"live" | "waiting" | "ended">("waiting")
  const [problem, setProblem] = useState<Api.Problem>()
  const lines = useRef<ReadonlyArray<Line>>([])
  const held = useRef<Array<Line>>([])
  const paused = useRef(isPaused)
  const dropped = useRef(0)
  const drawn = useRef(0)
  paused.current = isPaused
  const asked = format(rules)

  /** At most once a frame, however many come. */
  const draw = useRef(() => {
    if (drawn.current !== 0) return
    drawn.current = requestAnimationFrame(() => {
      drawn.current = 0
      if (!paused.current && held.current.length > 0) {
        lines.current = [...held.current.toReversed(), ...lines.current].slice(0, most)
        held.current = []
      }
      setShown({ lines: lines.current, held: held.current.length, dropped: dropped.current })
    })
  })

  useEffect(() => {
    const abort = new AbortController()
    lines.current = []
    held.current = []
    dropped.current = 0
    setProblem(undefined)
    setShown({ lines: [], held: 0, dropped: 0 })
    let position = 0
    let wasLost = false
    const isOut = (event: StoredEvent) => rules.some(({ by, isOut, name }) => isOut && wordOf(event, by) === name)
    const take = (line: Line): void => {
      held.current.push(line)
      if (held.current.length > mostHeld)
        dropped.current += held.current.splice(0, held.current.length - mostHeld).length
    }
    const onMessages = (messages: ReadonlyArray<Feed.Message>): void => {
      for (const message of messages) {
        if (message.event === "damaged" || message.event === "newer-release") {
          take(noticeOf(message))
          continue
        }
        const event = JSON.parse(message.data) as StoredEvent
        position = event.position
        if (!isOut(event)) take({ kind: "event", event })
      }
      draw.current()
    }
    const onState = (next: "live" | "waiting" | "ended", problem?: Api.Problem): void => {
      if (next === "live" && wasLost) {
        wasLost = false
        take({
          kind: "notice",
          text: `The connection was lost, and is there again: what was stored after position ${position} follows.`
        })
        draw.current()
      }
      if (next === "waiting" && position > 0) wasLost = true
      setState(next)
      setProblem(problem)
    }
    const begin = async (): Promise<void> => {
      try {
        const { head } = await Api.get<Overview>("/console/overview", abort.signal)
        position = Math.max(head.position - before, 0)
      } catch {
        // Who may not ask for the whole log's head begins at its begin.
        position = 0
      }
      await Feed.follow(
        { path: (after) => pathOf(after, rules), onMessages, onState, position: () => position },
        abort.signal
      )
    }
    void begin()
    return () => {
      abort.abort()
      cancelAnimationFrame(drawn.current)
      drawn.current = 0
    }
  }, [asked])
  useEffect(() => draw.current(), [isPaused])
  return { ...shown, state, problem }
}

export const Tail = ({ route: { path, query } }: { readonly route: Route.Route }): Element => {
  const app = Words.useApplication()
  const rules = parse(query.only)
  const [isPaused, setPaused] = useState(false)
  const { dropped, held, lines, problem, state } = useTail(rules, isPaused)
  const change = (next: ReadonlyArray<Rule>) => Route.go(path, { only: format(next) })
  const same = (left: Rule, right: Pick<Rule, "by" | "name">) => left.by === right.by && left.name === right.name
  const chip = (rule: Rule) => html`<span class=${`chip ${rule.isOut ? "out" : ""}`}>
    <button type="button" aria-label=${`${rule.isOut ? "Without" : "Only"} ${rule.by} ${rule.name}: turn around`}
      onClick=${() => change(rules.map((each) => (same(each, rule) ? { ...each, isOut: !each.isOut } : each)))}>${rule.isOut ? "without" : "only"} ${rule.by} <b>${rule.name}</b></button>
    <button type="button" aria-label=${`Remove the filter ${rule.name}`} onClick=${() => change(rules.filter((each) => !same(each, rule)))}>×</button>
  </span>`
  const add = (by: Rule["by"], name: string, isOut: boolean) => {
    if (name !== "" && !rules.some((rule) => same(rule, { by, name }))) change([...rules, { by, name, isOut }])
  }
  const line = (each: Line): Element => {
    if (each.kind === "notice") return html`<li class="notice" key=${each.text}>${Format.visible(each.text)}</li>`
    const { event } = each
    const subject = Words.subjectOf(app, event.streamId)
    return html`<li class="live" key=${event.position}>
      <span class="figure place">${event.position}</span>
      <span class="when" title=${Format.local(event.recordedAt)}>${Format.utc(event.recordedAt)}</span>
      <span class="what">${aggregateLink(subject?.aggregate ?? null, subject?.id ?? null, event.streamId, event.version)}
        <b>${event.type}</b>
        <button type="button" class="small" aria-label=${`Only ${event.type}`} onClick=${() => add("type", event.type, false)}>only</button>
        <button type="button" class="small" aria-label=${`Without ${event.type}`} onClick=${() => add("type", event.type, true)}>without</button></span>
      <code class="data">${Format.inline(event.data)}</code>
    </li>`
  }
  return html`<section>
    <h1>Live tail</h1>
    <form class="bar" onSubmit=${(event: Event) => {
      event.preventDefault()
      const form = event.target as HTMLFormElement
      add("type", String(new FormData(form).get("type")).trim(), false)
      form.reset()
    }}>
      <button type="button" class="primary" aria-pressed=${isPaused} onClick=${() => setPaused(!isPaused)}>${isPaused ? `Resume, ${Format.count(held)} held` : "Pause"}</button>
      <${Badge} kind=${state === "live" ? "good" : "warning"}>${state === "live" ? (isPaused ? "paused" : "live") : state === "ended" ? "ended" : "connecting"}<//>
      <label>Type <input name="type" autocomplete="off" /></label> <button>Add</button>
      ${app.aggregates.map(({ prefix }) => html`<button type="button" class="small" onClick=${() => add("aggregate", prefix, false)}>only ${prefix}</button>`)}
      ${rules.map(chip)}
    </form>
    ${dropped > 0 && html`<p class="notice">${Format.plural(dropped, "event")} came while it was paused that are held no more; the log has them.</p>`}
    ${problem !== undefined && html`<${Trouble} problem=${problem} />`}
    <p class="quiet">Newest first, the last ${most} of them.</p>
    ${lines.length === 0 ? html`<${Empty}>No event yet; the next one appears here.<//>` : html`<ol class="tail" data-rows aria-label="Events, newest first" tabindex="0">${lines.map(line)}</ol>`}
  </section>`
}
