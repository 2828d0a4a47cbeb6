// A person who uses two applications in one browser, headless Chromium: signs in to the first, mistyping once, is
// known to the second and agrees, signs out of both. The applications use openid-client.
// Reads {issuer, applications, email, password, program, folder} as JSON; prints what was seen.
import { createServer } from "node:http";
import * as client from "openid-client";
import { chromium } from "playwright-core";

const given = JSON.parse(process.argv[2]);
const server = createServer((_request, response) => response.end("<!doctype html><title>The App</title>"));
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const home = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({ executablePath: given.program, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
const page = await context.newPage();
const told = { problems: [], claims: [] };
// A refused sign-in is 401, which a browser's console notes; anything else is a fault of the page's.
page.on("console", (line) => {
  if (line.type() === "error" && !line.text().includes("401")) told.problems.push(line.text());
});
page.on("pageerror", (error) => told.problems.push(error.message));

async function begin(id) {
  const config = await client.discovery(new URL(given.issuer), id, {}, client.None(), {
    execute: [client.allowInsecureRequests],
  });
  const verifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: `${home}/callback`,
    scope: "openid email",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  await page.goto(url.href);
  return { config, verifier };
}

async function finish({ config, verifier }) {
  await page.waitForURL(`${home}/callback?*`);
  const tokens = await client.authorizationCodeGrant(config, new URL(page.url()), {
    pkceCodeVerifier: verifier,
    idTokenExpected: true,
  });
  told.claims.push(tokens.claims());
  return config;
}

const [one, other] = given.applications;
const first = await begin(one);
told.title = await page.title();
await page.screenshot({ path: `${given.folder}/sign-in.png` });
for (const password of [`${given.password}!`, given.password]) {
  await page.fill("input[name=email]", given.email);
  await page.fill("input[name=password]", password);
  await page.click("button");
  if (password !== given.password) told.wrong = await page.textContent("p.error");
}
await finish(first);
const second = await begin(other);
told.known = await page.textContent("h1");
await page.click("button");
const config = await finish(second);

const cookies = (await context.cookies(given.issuer)).map(({ name, httpOnly, sameSite }) => [
  name.replace(/-[0-9a-f]{32}$/, ""),
  [httpOnly, sameSite],
]);
told.cookies = Object.fromEntries(cookies.sort());

const leave = client.buildEndSessionUrl(config, {
  post_logout_redirect_uri: `${home}/goodbye`,
  state: "bye",
});
await page.goto(leave.href);
told.asked = await page.textContent("main p");
await page.screenshot({ path: `${given.folder}/sign-out.png` });
await page.click("button");
await page.waitForURL(`${home}/goodbye?*`);
told.left = page.url().slice(home.length);
await begin(one);
told.afterwards = await page.title();
await browser.close();
server.close();
process.stdout.write(JSON.stringify(told));
