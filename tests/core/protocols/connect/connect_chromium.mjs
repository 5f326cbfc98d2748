// node connect_chromium.mjs JOB CHROMIUM PROFILE: as connect_node.mjs, from a page of the shop's own origin.
//
// Speaks the DevTools protocol over Chromium's pipe: messages of JSON, each with a zero byte behind it.
import { spawn } from "node:child_process";
import { build } from "esbuild";

const [job, chromium, profile] = process.argv.slice(2);
const bundled = await build({ entryPoints: ["connect_page.mjs"], bundle: true, format: "iife", write: false });

const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
const browser = spawn(chromium, [...flags, `--user-data-dir=${profile}`, "--remote-debugging-pipe"], {
  stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
});
process.on("SIGTERM", () => browser.kill());
process.on("exit", () => browser.kill());

const waiting = new Map();
const events = { "Runtime.bindingCalled": ({ payload }) => process.stdout.write(`${payload}\n`) };
let received = "";
browser.stdio[4].setEncoding("utf8").on("data", (part) => {
  const messages = (received + part).split("\0");
  received = messages.pop();
  messages.map((text) => JSON.parse(text)).forEach(take);
});

function take({ id, method, params, result, error }) {
  events[method]?.(params);
  if (!waiting.has(id)) return;
  const { resolve, reject } = waiting.get(id);
  const fault = error ?? result.exceptionDetails;
  if (fault) reject(new Error(JSON.stringify(fault)));
  else resolve(result);
}

function command(method, params, sessionId) {
  const id = waiting.size + 1;
  browser.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

const { targetId } = await command("Target.createTarget", { url: "about:blank" });
const { sessionId } = await command("Target.attachToTarget", { targetId, flatten: true });
const inPage = (method, params = {}) => command(method, params, sessionId);
const evaluate = (expression) => inPage("Runtime.evaluate", { expression, awaitPromise: true });

await inPage("Page.enable");
const loaded = new Promise((resolve) => (events["Page.loadEventFired"] = resolve));
await inPage("Page.navigate", { url: `${JSON.parse(job).url}/api/docs` }); // its policy lets scripts call the shop
await loaded;
await inPage("Runtime.enable");
await inPage("Runtime.addBinding", { name: "told" });
await evaluate(bundled.outputFiles[0].text);
await evaluate(`run(${job})`);
process.exit();
