// A person at GraphiQL, in headless Chromium: signs in, writes a query, runs it, reads the answer. Also opens
// the API's documentation. Prints JSON; takes screenshots into the folder given.
import { chromium } from "playwright-core";

const [api, folder, tenant, email, password, program] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
const problems = [];
const elsewhere = [];

async function open(path) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(new URL(api).origin) && !url.startsWith("data:")) elsewhere.push(url);
  });
  await page.goto(`${api}${path}`, { waitUntil: "load" });
  return page;
}

const page = await open("/graphql");
await page.waitForSelector(".graphiql-container");
await page.fill("input[name=tenant]", tenant);
await page.fill("input[name=email]", email);
await page.fill("input[name=password]", password);
await page.click("#sign-in button");
await page.waitForFunction(() => document.getElementById("session").textContent.startsWith("Signed in"));
await page.waitForSelector(".graphiql-query-editor .CodeMirror");
await page.waitForTimeout(1500); // the schema is read again
await page.evaluate(() =>
  document
    .querySelector(".graphiql-query-editor .CodeMirror")
    .CodeMirror.setValue("{ me { name email tenant { slug } } customers(first: 3) { nodes { code name } } }"),
);
await page.click("button.graphiql-execute-button");
await page.waitForFunction(() =>
  document.querySelector(".result-window .CodeMirror")?.CodeMirror.getValue().includes('"data"'),
);
const answer = await page.evaluate(() =>
  document.querySelector(".result-window .CodeMirror").CodeMirror.getValue(),
);
await page.click('button[aria-label*="Documentation Explorer"]');
await page.waitForSelector(".graphiql-doc-explorer-content");
const explored = await page.textContent(".graphiql-doc-explorer-content");
await page.screenshot({ path: `${folder}/graphiql.png` });

const docs = await open("/docs");
await docs.waitForSelector(".opblock-tag", { timeout: 60000 });
const tags = await docs.$$eval(".opblock-tag", (found) => found.map((each) => each.getAttribute("data-tag")));
await docs.click(".opblock-tag[data-tag=gateway]");
await docs.waitForSelector(".opblock-summary-path");
await docs.screenshot({ path: `${folder}/docs.png` });
await browser.close();
process.stdout.write(JSON.stringify({ answer: JSON.parse(answer), explored, tags, problems, elsewhere }));
