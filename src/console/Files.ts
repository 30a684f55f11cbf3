/**
 * `Files` are the console's page as it was built with the package: one page, one script, one style sheet, which the
 * server sends as they are. A checkout that was not built has none of them, and serves no console.
 */
import { readFile } from "node:fs/promises"

export interface File {
  readonly contentType: string
  readonly bytes: Uint8Array
}

/** Beside this module, where `page/bundle.mjs` puts them. */
const contentTypes: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
  "app.css": "text/css; charset=utf-8",
  "icon.svg": "image/svg+xml"
}

const isMissing = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT"

/** By their names; empty where the page was not built. */
export const files = async (): Promise<ReadonlyMap<string, File>> => {
  try {
    return new Map(
      await Promise.all(
        Object.entries(contentTypes).map(async ([name, contentType]) => {
          const bytes = new Uint8Array(await readFile(new URL(name, import.meta.url)))
          return [name, { contentType, bytes }] as const
        })
      )
    )
  } catch (error) {
    if (isMissing(error)) return new Map()
    throw error
  }
}
