import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";
const chrome = await launch({ chromePath: process.env.CHROME_PATH, chromeFlags: ["--headless=new","--no-sandbox","--disable-gpu"] });
for (const p of process.argv.slice(2)) {
  const { lhr } = await lighthouse("http://127.0.0.1:8123/SpecViT/"+p+".html", { port: chrome.port, output:"json", logLevel:"error", onlyCategories:["performance"] });
  const m=lhr.audits.metrics.details.items[0];
  console.log(p, "LCP",m.largestContentfulPaint,"FCP",m.firstContentfulPaint,"obs FCP",m.observedFirstContentfulPaint,"obs LCP",m.observedLargestContentfulPaint,"obs DCL",m.observedDomContentLoaded,"load",m.observedLoad,"bench",lhr.environment.benchmarkIndex);
  console.log("   ",(lhr.audits["main-thread-tasks"]?.details?.items||[]).filter(t=>t.duration>8).map(t=>`${t.startTime|0}+${t.duration|0}`).join(" "), JSON.stringify(lhr.audits["lcp-breakdown-insight"]?.details?.items?.[1]?.boundingRect??lhr.audits["lcp-breakdown-insight"]?.details?.items).slice(0,200), JSON.stringify(lhr.audits["mainthread-work-breakdown"].details.items.map(i=>[i.group,i.duration|0])));
}
await chrome.kill();
