/**
 * A command as a case proposes it to a store: what the case is about, and for everything else a value that no case
 * looks at.
 */
import type { ProposedCommand } from "../core/EventStore.ts"

export const proposed = (commandId: string, given: Partial<ProposedCommand> = {}): ProposedCommand => ({
  commandId,
  isNew: false,
  command: "Test",
  fingerprint: "f",
  correlationId: commandId,
  causationId: null,
  traceparent: null,
  events: [],
  outcome: "success",
  answer: () => ({ text: "{}", version: 1 }),
  ...given
})
