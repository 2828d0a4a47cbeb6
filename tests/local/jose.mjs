// A resource server's way, with the package jose: tokens are verified by the published keys alone, before and
// after the keys were replaced. Each line read is a token; each line written is what it says, or why it is
// refused. One and the same key set serves for all.
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [url, issuer] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url), { cooldownDuration: 0 });
for await (const token of createInterface({ input: process.stdin })) {
  let told;
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer,
      audience: "groundwork",
      typ: "at+jwt",
      algorithms: ["ES256", "RS256"],
    });
    told = { claims: payload, header: protectedHeader };
  } catch (error) {
    told = { refused: error.code };
  }
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
