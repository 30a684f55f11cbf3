/**
 * How a verb ends that does not end well; each message is one line. `UsageError` is a mistake in how it was called, and
 * says what to give instead: exit code 2. `Finding` is what it found, or could not do: exit code 1.
 */
import { Schema } from "effect"

export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

export class Finding extends Schema.TaggedError<Finding>()("Finding", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}
