import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";
const chrome = await launch({ chromePath: process.env.CHROME_PATH, chromeFlags: ["--headless=new","--no-sandbox","--disable-gpu"] });
for (const p of process.argv.slice(2)) {
  const { lhr } = await lighthouse("http://127.0.0.1:8123/SpecViT/"+p+".html", { port: chrome.port, output:"json", logLevel:"error", onlyCategories:["performance"] });
  const a=lhr.audits;
  console.log(p, "LCP",a["largest-contentful-paint"].numericValue|0,"FCP",a["first-contentful-paint"].numericValue|0, "bytes",a["total-byte-weight"].numericValue, "TBT", a["total-blocking-time"].numericValue|0);
  if (process.env.V) for (const r of a["network-requests"].details.items) console.log("  ",r.url.replace(/.*SpecViT/,""),r.transferSize,r.priority,r.resourceType,(r.networkRequestTime|0)+"-"+(r.networkEndTime|0));
  if (process.env.V) console.log(JSON.stringify(a["largest-contentful-paint-element"]?.details?.items?.[0]?.items?.[0]?.node?.snippet ?? a["lcp-breakdown-insight"]?.details?.items?.map(i=>i.snippet||i.items)).slice(0,300));
}
await chrome.kill();
