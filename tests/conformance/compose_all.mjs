// Composes many federations: a JSON list of {name: sdl} on standard input, and on standard output for each its
// supergraph, or null where the subgraphs do not compose.
import { readFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const supergraph = (sdls) => {
  const services = Object.entries(sdls).map(([name, sdl]) => ({ name, url: "", typeDefs: parse(sdl) }));
  const { errors, supergraphSdl } = composeServices(services);
  return errors ? null : supergraphSdl;
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(supergraph)));
