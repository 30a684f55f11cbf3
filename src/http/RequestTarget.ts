/**
 * `RequestTarget` reads a target in absolute form, as in `GET http://host/path HTTP/1.1`: clients send it to proxies,
 * and every server takes it (RFC 9112, section 3.2.2). It is answered as its path, of the host that it names.
 */
import type { IncomingMessage } from "node:http"

/**
 * An address of a server like this one, without a user, by which it could pretend to be another (RFC 9110, section
 * 4.2.4).
 */
const absolute = /^https?:\/\/([^/?#@]+)([/?].*)?$/i

/** Gives a request in absolute form the path and the host of its target; whatever `Host` says then says nothing. */
export const toPath = (request: IncomingMessage): void => {
  const [, host, rest = "/"] = absolute.exec(request.url ?? "") ?? []
  if (host === undefined) return
  request.url = rest.startsWith("/") ? rest : `/${rest}`
  request.headers.host = host
}
