/** Asks for a token, which goes to the service once and is kept nowhere in the page. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { SessionView } from "../../../http/SessionApi.ts"
import * as Api from "../Api.ts"
import { type Element, html } from "../Html.ts"
import { Trouble } from "../Parts.ts"

export const SignIn = ({ onSession }: { readonly onSession: (session: SessionView) => void }): Element => {
  const field = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<Api.Problem>()
  const [isSending, setSending] = useState(false)
  useEffect(() => field.current?.focus(), [])
  const send = async (event: Event): Promise<void> => {
    event.preventDefault()
    setSending(true)
    try {
      onSession(await Api.signIn(field.current?.value.trim() ?? ""))
    } catch (error) {
      setProblem(Api.problemOf(error))
    } finally {
      setSending(false)
    }
  }
  return html`<main class="sign-in">
    <form class="panel" onSubmit=${(event: Event) => void send(event)}>
      <h1>Sign in</h1>
      <p>This service asks for a token. A token that may read looks at everything; only one of an administrator may change anything.</p>
      <label>Token <input ref=${field} type="password" required autocomplete="off" name="token" /></label>
      ${problem !== undefined && html`<${Trouble} problem=${problem} />`}
      <div class="buttons"><button class="primary" disabled=${isSending}>Sign in</button></div>
      <p class="quiet">The token is sent once. What stays is a cookie that no script can read, for some hours.</p>
    </form>
  </main>`
}
