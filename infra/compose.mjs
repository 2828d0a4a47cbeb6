// Composes subgraphs into a supergraph: a JSON list of {name, url, sdl} on standard input, and on standard
// output {supergraphSdl} or {errors: [...]}.
import { readFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const subgraphs = JSON.parse(readFileSync(0, "utf8"));
let answer;
try {
  const result = composeServices(
    subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
  );
  answer = result.errors
    ? { errors: result.errors.map((error) => error.message) }
    : { supergraphSdl: result.supergraphSdl };
} catch (error) {
  answer = { errors: [error.message] };
}
process.stdout.write(JSON.stringify(answer));
