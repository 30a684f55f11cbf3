/** What a result holds of where it was measured: the machine, and the versions of what takes the time. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { cpus, totalmem } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { Database } from "./byHand.ts"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly platform: string
  readonly versions: Readonly<Record<string, string>>
  /** The commit of Daybook; ends with `+` where files were changed since. Empty outside of a repository. */
  readonly commit: string
}

/** From its package.json, which not every package exports. */
const versionOf = (name: string): string => {
  let folder = dirname(createRequire(import.meta.url).resolve(name))
  for (;;) {
    try {
      const { name: found, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
      if (found === name) return version
    } catch {
      // Not here.
    }
    if (folder === dirname(folder)) return "unknown"
    folder = dirname(folder)
  }
}

const commit = (): string => {
  const git = (...args: ReadonlyArray<string>) => execFileSync("git", args, { encoding: "utf8", stdio: "pipe" }).trim()
  try {
    return (
      git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "src", "bench/*.ts") === "" ? "" : "+")
    )
  } catch {
    return ""
  }
}

export const machine = (): Machine => {
  const memory = new Database(":memory:")
  const sqlite = memory.prepare("SELECT sqlite_version()").pluck().get() as string
  memory.close()
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    versions: {
      node: process.versions.node,
      sqlite,
      "better-sqlite3": versionOf("better-sqlite3"),
      effect: versionOf("effect")
    },
    commit: commit()
  }
}
