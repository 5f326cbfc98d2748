// Grades pages by the rules of Mozilla's HTTP Observatory, at a host that need not be public:
//
//     npm install --ignore-scripts --prefix observatory @mdn/mdn-http-observatory@1.4.8
//     echo '{}' >observatory/node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json
//     NODE_EXTRA_CA_CERTS=ca.crt node deploy/observatory.mjs observatory localhost / /docs/ /graphql /api/docs /admin/
//
// The package's own command scans only `/`. Its install script downloads the preload list of HSTS, which an empty list
// replaces here: a preloaded host would get 5 points more. Exits with 1 if a page gets less than A+.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, host, ...paths] = process.argv.slice(2);
const source = pathToFileURL(resolve(folder, "node_modules/@mdn/mdn-http-observatory/src")).href;
const { retrieve } = await import(`${source}/retriever/retriever.js`);
const { ALL_TESTS } = await import(`${source}/constants.js`);
const { getGradeForScore, getScoreModifier } = await import(`${source}/grader/grader.js`);
const { MINIMUM_SCORE_FOR_EXTRA_CREDIT } = await import(`${source}/grader/charts.js`);

for (const path of paths) {
  const requests = await retrieve(host, { path });
  const results = ALL_TESTS.map((test) => test(requests).result);
  const points = results.map(getScoreModifier);
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 100);
  const penalised = sum(points.filter((number) => number < 0));
  const { grade, score } = getGradeForScore(penalised >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? sum(points) : penalised);
  console.log(`${path}: ${grade}, ${score} points (${requests.responses.auto?.status ?? "no response"})`);
  results.forEach((result, index) => points[index] && console.log(`  ${points[index]} ${result}`));
  process.exitCode ||= grade === "A+" ? 0 : 1;
}
