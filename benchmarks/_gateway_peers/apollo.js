// Apollo Server with @apollo/gateway. Arguments: the supergraph's file, the port.
// Packages are those installed for the comparison, not the project's own.
const load = require("node:module").createRequire(`${process.env.NODE_PATH}/`);
const fs = require("node:fs");
const { ApolloServer } = load("@apollo/server");
const { startStandaloneServer } = load("@apollo/server/standalone");
const { ApolloGateway } = load("@apollo/gateway");

const [file, port] = process.argv.slice(2);
const gateway = new ApolloGateway({ supergraphSdl: fs.readFileSync(file, "utf8") });
const server = new ApolloServer({ gateway });
startStandaloneServer(server, { listen: { port: Number(port), host: "127.0.0.1" } });
