// GraphiQL on this API's graph. The token of a sign-in is kept in this page only, and gone with it.
"use strict";

const here = new URL(".", window.location.href);
const form = document.getElementById("sign-in");
const session = document.getElementById("session");
let token = "";

async function fetcher(params, options) {
  const headers = { ...(options && options.headers) };
  const given = Object.keys(headers).find((name) => name.toLowerCase() === "authorization");
  if (given && !headers[given].replace(/^bearer/i, "").trim()) delete headers[given];
  if (token && !(given && headers[given])) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(new URL("graphql", here), {
    method: "POST",
    headers: {
      ...headers,
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json;q=0.9",
    },
    body: JSON.stringify(params),
  });
  return response.json();
}

function render() {
  // A new key makes GraphiQL read the schema again, as the caller may see it now.
  root.render(
    React.createElement(GraphiQL, {
      key: token,
      fetcher,
      defaultQuery: "# Sign in above, then ask. Ctrl-Space completes, Ctrl-Enter runs.\n{\n  __typename\n}\n",
      shouldPersistHeaders: false,
    }),
  );
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const credentials = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  const response = await fetch(new URL("auth/login", here), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(credentials),
  });
  const answer = await response.json();
  if (!response.ok) {
    session.textContent = answer.detail;
    return;
  }
  token = answer.access_token;
  form.elements.password.value = "";
  session.textContent = `Signed in as ${credentials.email}; the token lasts ${Math.round(answer.expires_in / 60)} minutes.`;
  render();
});

const root = ReactDOM.createRoot(document.getElementById("graphiql"));
render();
