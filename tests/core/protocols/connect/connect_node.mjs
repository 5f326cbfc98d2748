// node connect_node.mjs JOB: one line of JSON for each thing that is said.
import { makeCalls, watch } from "./connect_calls.mjs";

const job = JSON.parse(process.argv[2]);
const say = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);
if (job.calls) say(await makeCalls(job));
else await watch(job, say);
