/**
 * `Verb` is a verb that an application has beside those of every application: `Application.make({ verbs })` names it,
 * and `Cli.run` shows it with the others.
 */
import type * as Command from "@effect/cli/Command"
import type * as NodeContext from "@effect/platform-node/NodeContext"
import type { Verb } from "../projection/Application.ts"

/** What a verb may need beside what it provides itself. */
// biome-ignore lint/suspicious/noExplicitAny: name and options are invariant; no other bound takes every command.
export type OwnCommand = Command.Command<any, NodeContext.NodeContext, unknown, any>

/** A verb of an application's own, from a command of `@effect/cli`. */
export const make = (command: OwnCommand): Verb => ({ "daybook/cli/Verb": true, command })

/** The command of a verb, which `make` has made. */
export const commandOf = ({ command }: Verb): OwnCommand => command as OwnCommand
