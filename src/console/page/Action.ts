/**
 * `Action` is what an operator may do: it says what it will do, asks for a reason, shows the same as a line of the
 * command line and of curl, and tells what became of it. Only where the session is an administrator's, and only when it
 * is confirmed, anything is sent.
 */
import { createContext } from "preact"
import { useCallback, useContext, useEffect, useRef, useState } from "preact/hooks"
import type { SessionView } from "../../http/SessionApi.ts"
import * as Api from "./Api.ts"
import * as Focus from "./Focus.ts"
import * as Format from "./Format.ts"
import { type Children, type Element, html } from "./Html.ts"
import { Copied, Trouble } from "./Parts.ts"

export const Session = createContext<SessionView | null>(null)

export const useIsAdmin = (): boolean => useContext(Session)?.scope === "admin"

export const useMayAct = (): boolean => {
  const session = useContext(Session)
  return session?.scope === "admin" && !session.readOnly
}

/** A word of a shell, as it is. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

export interface Act {
  readonly title: string
  /** What it will do, in a sentence. */
  readonly says: string
  readonly path: string
  /** Beside the reason. */
  readonly body: Readonly<Record<string, unknown>>
  /** Words of the command line after `daybook`. */
  readonly cli: ReadonlyArray<string>
  /** What it would do, asked of the service before anything is sent. */
  readonly look?: () => Promise<string>
  readonly onDone: () => void
  readonly isDangerous?: boolean
}

const curlOf = (path: string, body: object, key: string, hasTokens: boolean): string =>
  [
    "curl -X POST",
    ...(hasTokens ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    `-H 'Idempotency-Key: ${key}'`,
    "-H 'Content-Type: application/json'",
    `-d ${quoted(JSON.stringify(body))}`,
    quoted(`${location.origin}${path}`)
  ].join(" ")

const Dialog = ({ act, close }: { readonly act: Act; readonly close: () => void }): Element => {
  const dialog = useRef<HTMLDialogElement>(null)
  const closing = useRef<HTMLButtonElement>(null)
  const session = useContext(Session)
  const [key] = useState(() => crypto.randomUUID())
  const [reason, setReason] = useState("")
  const [seen, setSeen] = useState<string>()
  const [problem, setProblem] = useState<Api.Problem>()
  const [isSending, setSending] = useState(false)
  const [isDone, setDone] = useState(false)
  useEffect(() => {
    dialog.current?.showModal()
    let isGone = false
    act.look?.().then(
      (text) => !isGone && setSeen(text),
      (error: unknown) => !isGone && setProblem(Api.problemOf(error))
    )
    return () => {
      isGone = true
    }
  }, [])
  // What had the focus is gone: the field, or the button that confirms.
  useEffect(() => {
    if (isDone) closing.current?.focus()
  }, [isDone])
  const body = { ...act.body, reason: reason.trim() }
  const why = ["--reason", body.reason || "…"]
  const send = async (event: Event): Promise<void> => {
    event.preventDefault()
    // A button that is disabled meanwhile would lose the focus.
    if (isSending) return
    setSending(true)
    try {
      await Api.post(act.path, body, key)
      setProblem(undefined)
      setDone(true)
      act.onDone()
    } catch (error) {
      setProblem(Api.problemOf(error))
    } finally {
      setSending(false)
    }
  }
  return html`<dialog ref=${dialog} onClose=${close} aria-labelledby="act-title">
    <form onSubmit=${(event: Event) => void send(event)}>
      <h2 id="act-title">${act.title}</h2>
      <p>${act.says}</p>
      ${act.look !== undefined && html`<p class="look" role="status">${seen ?? (problem === undefined ? "Looking what it would do…" : "")}</p>`}
      <label>Reason, for the journal
        <input name="reason" required maxlength="4096" autocomplete="off" value=${reason} disabled=${isDone}
          onInput=${(event: InputEvent) => setReason((event.target as HTMLInputElement).value)} />
      </label>
      <${Copied} label="CLI" text=${["daybook", ...act.cli, ...why].map(quoted).join(" ")} />
      <${Copied} label="curl" text=${curlOf(act.path, body, key, session?.tokens === true)} />
      ${problem !== undefined && html`<${Trouble} problem=${problem} />`}
      ${isDone && html`<p class="done" role="status">Done: it is in the journal, with your reason.</p>`}
      <div class="buttons">
        <button type="button" ref=${closing} onClick=${() => dialog.current?.close()}>${isDone ? "Close" : "Cancel"}</button>
        ${!isDone && html`<button class=${act.isDangerous ? "danger" : "primary"} disabled=${body.reason === ""} aria-busy=${isSending}>${act.title}</button>`}
      </div>
    </form>
  </dialog>`
}

/** Opens the dialog of an act. */
const Choose = createContext<(act: Act) => void>(() => {})

/**
 * Where dialogs are: beside all views, so that one stays open whose row is gone by what it did, and tells what became
 * of it. It goes with the view: what is done there is not to be confirmed over another.
 */
export const Acting = ({ children }: { readonly children?: Children }): Element => {
  const [chosen, setChosen] = useState<{ readonly act: Act; readonly count: number }>()
  const choose = useCallback((act: Act) => setChosen((before) => ({ act, count: (before?.count ?? 0) + 1 })), [])
  // The browser gives the focus back first and fires `close` later: by then another act may have been chosen.
  const closed = (count: number) => setChosen((now) => (now?.count === count ? undefined : now))
  useEffect(() => {
    const leave = () => setChosen(undefined)
    addEventListener("hashchange", leave)
    const forget = Focus.keep()
    return () => {
      removeEventListener("hashchange", leave)
      forget()
    }
  }, [])
  return html`<${Choose.Provider} value=${choose}>
    ${children}
    ${chosen !== undefined && html`<${Dialog} key=${chosen.count} act=${chosen.act} close=${() => closed(chosen.count)} />`}
  <//>`
}

/** The buttons of what may be done; none where nothing may. */
export const Actions = ({ acts }: { readonly acts: ReadonlyArray<Act> }): Element => {
  const mayAct = useMayAct()
  const choose = useContext(Choose)
  return html`<div class="acts">
    ${mayAct && acts.map((act) => html`<button type="button" onClick=${() => choose(act)}>${act.title}…</button>`)}
  </div>`
}

export const planned = async (name: string): Promise<string> => {
  const plan = await Api.get<{ readonly events: number; readonly estimatedSeconds?: number | null }>(
    `/projections/${encodeURIComponent(name)}/rebuild`
  )
  const seconds = plan.estimatedSeconds
  const time =
    typeof seconds !== "number"
      ? "a time that is not known yet"
      : seconds < 1
        ? "less than a second"
        : `about ${Format.duration(seconds)}`
  return `Dry run: it reads ${Format.plural(plan.events, "position")} of the log, which takes ${time}. Queries are answered from the present tables until the new ones are ready.`
}
