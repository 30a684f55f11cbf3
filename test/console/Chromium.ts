/**
 * A real browser for tests: that of `CHROMIUM_PATH`, one of the system, or the one that `npm ci` put into
 * `node_modules`, packed, which is unpacked once and needs no network. Where none of them runs, a line says so.
 */
import { execFileSync } from "node:child_process"
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import process from "node:process"
import { pipeline } from "node:stream/promises"
import { createBrotliDecompress } from "node:zlib"
import { type Browser, chromium } from "playwright-core"

/** Where npm put the packages; a benchmark asks from a build that is elsewhere. */
const packages = join(dirname(createRequire(import.meta.url).resolve("playwright-core/package.json")), "..")
const system = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
const packed = join(packages, "@sparticuz/chromium/bin")
const unpacked = join(packages, ".cache/chromium")

const unpack = async (name: string, folder: string): Promise<void> => {
  const to = join(folder, name.replace(/\.br$/, ""))
  await pipeline(createReadStream(join(packed, name)), createBrotliDecompress(), createWriteStream(to, { mode: 0o755 }))
  if (!to.endsWith(".tar")) return
  execFileSync("tar", ["-xf", to, "-C", folder])
  rmSync(to)
}

/**
 * The packed one, with libraries that a small system lacks. Two runs at once unpack it twice, and one of them stays.
 */
const bundled = async (): Promise<string | undefined> => {
  const program = join(unpacked, "chromium")
  if (existsSync(program)) return program
  if (!existsSync(join(packed, "chromium.br"))) return undefined
  mkdirSync(join(packages, ".cache"), { recursive: true })
  const folder = mkdtempSync(join(packages, ".cache/chromium-"))
  await Promise.all(["chromium.br", "al2023.tar.br", "fonts.tar.br"].map((name) => unpack(name, folder)))
  writeFileSync(join(folder, "fonts.conf"), `<fontconfig><dir>${unpacked}/fonts</dir></fontconfig>`)
  try {
    renameSync(folder, unpacked)
  } catch (error) {
    rmSync(folder, { recursive: true })
    if (!existsSync(program)) throw error
  }
  return program
}

const launch = async (): Promise<Browser | undefined> => {
  const path = process.env.CHROMIUM_PATH ?? system.find((each) => existsSync(each)) ?? (await bundled())
  if (path === undefined) {
    console.warn("no Chromium: give its path in CHROMIUM_PATH, or install it; the tests of the console are skipped")
    return undefined
  }
  const libraries = [process.env.LD_LIBRARY_PATH, join(unpacked, "lib")].filter((each) => each !== undefined).join(":")
  const env = { ...process.env, LD_LIBRARY_PATH: libraries, FONTCONFIG_PATH: unpacked } as Record<string, string>
  const own = path.startsWith(unpacked) ? { env } : {}
  try {
    // A container's root may not make the sandbox. It sees nothing but this page.
    return await chromium.launch({ executablePath: path, args: ["--no-sandbox", "--disable-gpu"], ...own })
  } catch (error) {
    if (process.env.CHROMIUM_PATH !== undefined) throw error
    console.warn(`${path} does not run here; the tests of the console are skipped: ${String(error).slice(0, 300)}`)
    return undefined
  }
}

let launching: Promise<Browser | undefined> | undefined

/** The same for all tests of a file; undefined where there is none. */
export const open = (): Promise<Browser | undefined> => {
  launching ??= launch()
  return launching
}

export const close = async (): Promise<void> => {
  await (await launching)?.close()
}
