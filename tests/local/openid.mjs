// A relying party as its developers write it, with the package openid-client: discovery, authorization code with
// PKCE through the real sign-in page, signing in silently where somebody is signed in already, refresh, client
// credentials, introspection, revocation, signing out.
// Reads {issuer, application, service, redirect, afterwards, email, password, method} as JSON; prints what it was
// told.
import * as client from "openid-client";
import { Browser } from "./browser.mjs";

const given = JSON.parse(process.argv[2]);
const methods = {
  client_secret_basic: client.ClientSecretBasic,
  client_secret_post: client.ClientSecretPost,
  none: client.None,
};
const browser = new Browser();

async function discovered({ id, secret }) {
  return client.discovery(new URL(given.issuer), id, { client_secret: secret }, methods[given.method](secret), {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  });
}

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return error.error ?? error.code ?? String(error);
  }
  return "none";
}

const config = await discovered(given.application);
const server = config.serverMetadata();

// An authorization request, and what its answer is checked by.
async function asking(more = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier: verifier,
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
    maxAge: 300,
  };
  const request = client.buildAuthorizationUrl(config, {
    redirect_uri: given.redirect,
    scope: "openid profile email masterdata.customer.read",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    max_age: "300",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { request, checks };
}

const { request, checks } = await asking();
const page = await browser.open(request);
const returned = await browser.submit(page, { email: given.email, password: given.password });
const tokens = await client.authorizationCodeGrant(config, new URL(returned.location), checks);
const claims = tokens.claims();
const told = {
  pkce: server.supportsPKCE(),
  claims,
  scope: tokens.scope,
  user: await client.fetchUserInfo(config, tokens.access_token, claims.sub),
};
const customers = await client.fetchProtectedResource(
  config,
  tokens.access_token,
  new URL(`${given.api}/masterdata/customers`),
  "GET",
);
told.customers = await customers.json();

// Nobody is bothered: the browser is sent from one address to the next.
async function silently() {
  const { request, checks } = await asking({ prompt: "none", id_token_hint: tokens.id_token });
  const { location } = await browser.open(request);
  return client.authorizationCodeGrant(config, new URL(location), checks);
}
const second = await silently();
told.silently = second.claims();

const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
told.refreshed = { claims: refreshed.claims(), rotated: refreshed.refresh_token !== tokens.refresh_token };
const narrowed = await client.refreshTokenGrant(config, refreshed.refresh_token, { scope: "openid" });
told.narrowed = narrowed.scope;
if (given.method !== "none") {
  told.active = await client.tokenIntrospection(config, narrowed.access_token);
}
const leave = client.buildEndSessionUrl(config, {
  post_logout_redirect_uri: given.afterwards,
  id_token_hint: second.id_token,
  state: "bye",
});
if (given.signsOut) {
  told.left = (await browser.open(leave)).location;
  told.gone = await refusal(silently);
}
await client.tokenRevocation(config, narrowed.refresh_token);
told.afterwards = {
  refresh: await refusal(() => client.refreshTokenGrant(config, narrowed.refresh_token)),
  user: await refusal(() => client.fetchUserInfo(config, narrowed.access_token, claims.sub)),
  code: await refusal(() => client.authorizationCodeGrant(config, new URL(returned.location), checks)),
};

if (given.service) {
  const robot = await discovered(given.service);
  const own = await client.clientCredentialsGrant(robot, { scope: "masterdata.*" });
  told.service = {
    scope: own.scope,
    type: own.token_type,
    active: (await client.tokenIntrospection(robot, own.access_token)).active,
    beyond: await refusal(() => client.clientCredentialsGrant(robot, { scope: "auth.user.read" })),
  };
  await client.tokenRevocation(robot, own.access_token);
  told.service.revoked = (await client.tokenIntrospection(robot, own.access_token)).active;
}
process.stdout.write(JSON.stringify(told));
