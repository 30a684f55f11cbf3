/**
 * `OriginGuard` tells requests that a stranger's web page makes in its reader's browser from those that a person meant
 * to make. A service without tokens trusts anyone who reaches it, and a browser on the same machine reaches it for any
 * page: by the address, which `Origin` shows, or by a name that the page's owner lets point to 127.0.0.1, which `Host`
 * shows. For a request without `Origin`, such as that of an image, `Sec-Fetch-Site` says whose page it comes from.
 *
 * A cookie proves as little: a browser sends it along whichever page made the request. So a request with a cookie must
 * come from a page of the service itself.
 */

/** Whether only this machine reaches the address. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host)

/** The name in a `Host` field, without port and brackets. */
const nameOf = (field: string): string | undefined => {
  const found = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::\d*)?$/i.exec(field)
  return found?.[1] ?? found?.[2]
}

const foreign = "Without tokens the service takes no requests from the web pages of others."

type Fields = Readonly<Record<string, string | undefined>>

const isOriginOf = (origin: string, host: string): boolean => origin.replace(/^https?:\/\//, "") === host

/**
 * Why a request to a service that listens on `host` without tokens is refused; undefined when it is not. Browsers send
 * both fields, each `Origin` of another place included; a client that sends none is not a browser.
 */
export const refusal = (host: string, headers: Fields): string | undefined => {
  const field = headers.host?.toLowerCase()
  if (field !== undefined) {
    const name = nameOf(field)
    if (name === undefined || !(isLoopback(name) || name === host.toLowerCase())) {
      return "Without tokens the service answers only to localhost and its own address, not to the name in Host."
    }
  }
  // The answer to a link that a person follows is shown to that person only.
  const isFollowed = headers["sec-fetch-mode"] === "navigate"
  if (/^(?:cross-site|same-site)$/.test(headers["sec-fetch-site"] ?? "") && !isFollowed) return foreign
  const origin = headers.origin?.toLowerCase()
  return origin === undefined || (field !== undefined && isOriginOf(origin, field)) ? undefined : foreign
}

/**
 * Whether the request comes from a page of the service itself, or from no page. `Sec-Fetch-Site` is the browser's own
 * word, which a proxy that renames the host leaves true; browsers send it to addresses of https and of their own
 * machine.
 */
export const isOwnPage = ({ host, origin, "sec-fetch-site": site }: Fields): boolean => {
  if (site !== undefined) return site === "same-origin" || site === "none"
  return origin === undefined || (host !== undefined && isOriginOf(origin.toLowerCase(), host.toLowerCase()))
}
