/** `Program` is what runs, as it names itself in the log and to a collector. */
import { Context } from "effect"

export interface Named {
  readonly name: string
  readonly version: string
}

export class Program extends Context.Reference<Program>()("daybook/cli/Program", {
  defaultValue: (): Named => ({ name: "daybook", version: "0.0.0" })
}) {}
