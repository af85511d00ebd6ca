/** Where loaded networks are kept between visits. */

export const CACHE = "specvit-networks-1";

/** Address under which a download is kept: with its hash, so that a new network is never taken for an old one. */
export function keyOf(download) {
  const url = new URL(download.url, self.location.href);
  url.search = `?sha256=${download.sha256.slice(0, 16)}`;
  return url.href;
}
