/**
 * `Console` is the page that shows what the log knows: files that are made once, when the package is built, and served
 * as they are. The program that serves says where they come from; without them there is no console.
 */
import { Context, type Effect } from "effect"

export interface File {
  readonly contentType: string
  readonly bytes: Uint8Array
}

/** By their names. `index.html` is the page; the others it finds below `/console/assets/`. */
export type Files = ReadonlyMap<string, File>

/** The page's own name among its files. */
export const indexName = "index.html"

/** Loaded with the first reader; null where the service has no console. */
export class Console extends Context.Reference<Console>()("daybook/http/Console", {
  defaultValue: (): Effect.Effect<Files> | null => null
}) {}
