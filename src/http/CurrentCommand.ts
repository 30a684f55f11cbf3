/** The command that a request is: the boundary knows it, and whatever sends it on asks for it here. */
import { Context } from "effect"

export interface Command {
  /** Its idempotency key, or a new id. */
  readonly commandId: string
  /** Whether the client chose it, and may have sent it before. */
  readonly isKeyed: boolean
  /** The body as it was sent. */
  readonly sent: () => unknown
}

/** The command that this request is. */
export class CurrentCommand extends Context.Reference<CurrentCommand>()("daybook/http/CurrentCommand", {
  defaultValue: (): Command => ({ commandId: "", isKeyed: false, sent: () => undefined })
}) {}
