// The GraphQL-over-HTTP audit of the package graphql-http, against the endpoint and with the token given.
// Prints a JSON list of {id, name, status}.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const audits = serverAudits({
  url,
  fetchFn: (input, init = {}) =>
    fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
});
const results = [];
for (const audit of audits) {
  const result = await audit.fn();
  results.push({ id: audit.id, name: audit.name, status: result.status, reason: result.reason });
}
process.stdout.write(JSON.stringify(results));
