/**
 * A registry of npm on this machine for tests: it has the packages that `npm ci` installed here, as the lock file names
 * them, and the packed package. So a project is installed as a user's is, with npm itself, and nothing is asked of the
 * network.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createReadStream, existsSync, readFileSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Effect } from "effect"
import { inject } from "vitest"

const root = join(import.meta.dirname, "..")

interface Manifest {
  readonly name: string
  readonly version: string
}

interface Package {
  readonly manifest: Manifest
  /** Sends what `npm pack` would make of it. */
  readonly send: (response: ServerResponse) => void
}

/**
 * With what its install script built, since none runs here. What it brings along is a package of its own. npm leaves
 * out what is a link to another file.
 */
const sendFolder = (folder: string) => (response: ServerResponse) => {
  const tar = spawn("tar", [
    "-cf",
    "-",
    "--exclude=./node_modules",
    "--hard-dereference",
    "--transform=s,^[.],package,",
    "-C",
    folder,
    "."
  ])
  tar.stdout.pipe(response)
}

/** Each package by its name, with all versions of it that are installed. Those of other platforms are not. */
const installed = (): ReadonlyMap<string, ReadonlyArray<Package>> => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"))
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const all = new Map<string, Array<Package>>()
  const add = (manifest: Manifest, send: Package["send"]) => {
    const versions = all.get(manifest.name) ?? []
    if (versions.every((each) => each.manifest.version !== manifest.version)) versions.push({ manifest, send })
    all.set(manifest.name, versions)
  }
  add(own, (response) => createReadStream(inject("tarball")).pipe(response))
  for (const folder of Object.keys(packages).map((path) => join(root, path))) {
    if (folder === join(root, "/") || !existsSync(join(folder, "package.json"))) continue
    add(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")), sendFolder(folder))
  }
  return all
}

/** Its address, while the scope is open. */
export const start = Effect.acquireRelease(
  Effect.promise(async () => {
    const packages = installed()
    const server = createServer((request, response) => {
      const [name = "", version] = decodeURIComponent(request.url?.slice(1) ?? "").split("/-/")
      const versions = packages.get(name)
      const wanted = versions?.find(({ manifest }) => `${manifest.version}.tgz` === version)
      if (wanted !== undefined) {
        wanted.send(response)
        return
      }
      if (versions === undefined || version !== undefined) {
        response.writeHead(404).end()
        return
      }
      const url = `http://${request.headers.host}/${name}/-`
      const last = versions
        .map(({ manifest }) => manifest.version)
        .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
      response.setHeader("content-type", "application/json").end(
        JSON.stringify({
          name,
          "dist-tags": { latest: last.at(-1) },
          versions: Object.fromEntries(
            versions.map(({ manifest }) => [
              manifest.version,
              { ...manifest, dist: { tarball: `${url}/${manifest.version}.tgz` } }
            ])
          )
        })
      )
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => server.close().closeAllConnections())
).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`))
