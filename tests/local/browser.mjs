// As much of a browser as a sign-in page needs: cookies, the form's hidden fields, and where one is sent.
export class Browser {
  cookies = new Map();

  async open(url) {
    return this.#send(url, {});
  }

  // Fill in the form of a page and send it.
  async submit(page, typed) {
    const fields = new URLSearchParams(typed);
    for (const [, name, value] of page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)) {
      fields.set(name, decoded(value));
    }
    const action = page.text.match(/<form method="post" action="([^"]+)"/)[1];
    return this.#send(new URL(action, page.url), { method: "POST", body: fields });
  }

  async #send(url, init) {
    const headers = { Cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    const answer = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/;\s*max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await answer.text();
    return { url: String(url), status: answer.status, location: answer.headers.get("location"), text };
  }
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };

function decoded(text) {
  return text.replace(/&([^;]+);/g, (_, name) => ENTITIES[name]);
}
