/** `UsageError` is a mistake in how a verb was called; its message is one line that says what to give instead. */
import { Schema } from "effect"

export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}
