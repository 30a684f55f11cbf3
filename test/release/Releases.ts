/**
 * `Releases` builds what a database and its clients meet over the years: an earlier release, from git, and the release
 * after this one, which is the present source with a few edits. Each build runs as a process of its own, as an operator
 * would start it.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { Effect } from "effect"
import { build } from "../Build.ts"
import type { Program } from "../cli/Cli.ts"

const root = join(import.meta.dirname, "../..")
/** Within node_modules, so that the builds find their packages. */
const cache = join(root, "node_modules/.cache/daybook-releases")

/** The last release whose fingerprints of commands followed the order of fields in the source. */
export const before = "0a4bee33f1266214881477678b6ed49356edbbd8"

/**
 * Why the release cannot be built here; undefined where it can. A shallow clone, or a copy without git, lacks its
 * commit.
 */
export const missing = (commit: string): string | undefined => {
  const { error, status } = spawnSync("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: root, stdio: "ignore" })
  if (error === undefined && status === 0) return undefined
  return `the release ${commit.slice(0, 7)} is not in this clone (git fetch --unshallow), so what needs it is skipped`
}

/** The same, printed for those who would wonder why tests were skipped. */
export const isMissing = (commit: string): boolean => {
  const reason = missing(commit)
  if (reason !== undefined) console.log(reason)
  return reason !== undefined
}

/** The build of an earlier release. Made once for each clone: what a commit holds never changes. */
export const earlier = (commit: string): string => {
  const dist = join(cache, commit)
  if (existsSync(dist)) return dist
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "earlier-"))
  try {
    const archive = execFileSync("git", ["archive", commit, "src"], { cwd: root, maxBuffer: 2 ** 28 })
    execFileSync("tar", ["-x", "-C", folder], { input: archive })
    build(join(folder, "src"), join(folder, "dist"))
    // Whole or not at all, also where two test files build it at once.
    if (!existsSync(dist)) renameSync(join(folder, "dist"), dist)
  } catch (error) {
    if (!existsSync(dist)) throw error
  } finally {
    rmSync(folder, { recursive: true })
  }
  return dist
}

/** A change of the source. */
export interface Edit {
  /** Below `src`. */
  readonly file: string
  /** Found exactly once. */
  readonly from: string
  readonly to: string
}

const edited = (edits: ReadonlyArray<Edit>): ReadonlyMap<string, string> => {
  const texts = new Map<string, string>()
  for (const { file, from, to } of edits) {
    const [head, tail, ...more] = (texts.get(file) ?? readFileSync(join(root, "src", file), "utf8")).split(from)
    if (head === undefined || tail === undefined || more.length > 0) {
      throw new Error(`${file} holds this ${tail === undefined ? "nowhere" : "more than once"}, not once: ${from}`)
    }
    texts.set(file, head + to + tail)
  }
  return texts
}

/** A build of the present source with these edits, which is gone with its scope. */
export const next = (...edits: ReadonlyArray<Edit>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const texts = edited(edits)
      mkdirSync(cache, { recursive: true })
      const folder = mkdtempSync(join(cache, "next-"))
      cpSync(join(root, "src"), join(folder, "src"), { recursive: true })
      for (const [file, text] of texts) writeFileSync(join(folder, "src", file), text)
      build(join(folder, "src"), join(folder, "dist"))
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  ).pipe(Effect.map((folder) => join(folder, "dist")))

/** What runs `daybook` of a build. Releases before the house of `src/bank` have it among their verbs. */
export const programOf = (dist: string): Program => {
  const main = ["bank/main.js", "cli/main.js"].map((file) => join(dist, file)).find((file) => existsSync(file))
  if (main === undefined) throw new Error(`${dist} holds no program`)
  return [process.execPath, main]
}
