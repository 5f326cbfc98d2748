// What a page has: bundled by test_web.py.
import { makeCalls, watch } from "./connect_calls.mjs";

globalThis.run = async (job) => {
  const say = (fact) => globalThis.told(JSON.stringify(fact));
  if (job.calls) say(await makeCalls(job));
  else await watch(job, say);
};
