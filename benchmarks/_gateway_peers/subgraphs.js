// The three subgraphs that every gateway is measured on: products, reviews, people. Argument: a file that gets
// their URLs and their SDL as JSON.
// Packages are those installed for the comparison, not the project's own.
const load = require("node:module").createRequire(`${process.env.NODE_PATH}/`);
const http = require("node:http");
const fs = require("node:fs");
const { parse, execute } = load("graphql");
const { buildSubgraphSchema } = load("@apollo/subgraph");

const N = 20;
const product = (n) => ({ __typename: "Product", id: `p${n}`, name: `Product ${n}`, price: n * 3 });
const review = (n) => ({ id: `r${n}`, stars: (n % 5) + 1, author: { id: `u${n % 7}` }, product: { id: `p${n}` } });
const link = '@link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])';

const parts = {
  products: {
    sdl: `extend schema ${link}
      type Query { products(first: Int = 20): [Product!]! product(id: ID!): Product }
      type Product @key(fields: "id") { id: ID! name: String! price: Int! }`,
    resolvers: {
      Query: {
        products: (_, { first }) => Array.from({ length: Math.min(first, N) }, (_, n) => product(n)),
        product: (_, { id }) => product(Number(id.slice(1))),
      },
      Product: { __resolveReference: ({ id }) => product(Number(id.slice(1))) },
    },
  },
  reviews: {
    sdl: `extend schema ${link}
      type Product @key(fields: "id") { id: ID! reviews: [Review!]! }
      type Review @key(fields: "id") { id: ID! stars: Int! author: Person! product: Product! }
      type Person @key(fields: "id") { id: ID! }`,
    resolvers: {
      Product: { reviews: ({ id }) => [review(Number(id.slice(1))), review(Number(id.slice(1)) + 1)] },
    },
  },
  people: {
    sdl: `extend schema ${link}
      type Query { me: Person }
      type Person @key(fields: "id") { id: ID! name: String! }`,
    resolvers: {
      Query: { me: () => ({ id: "u1" }) },
      Person: { name: ({ id }) => `Person ${id}` },
    },
  },
};

function serve({ sdl, resolvers }) {
  const schema = buildSubgraphSchema({ typeDefs: parse(sdl), resolvers });
  const documents = new Map();
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const { query, variables, operationName } = JSON.parse(Buffer.concat(chunks));
      if (!documents.has(query)) documents.set(query, parse(query));
      const result = await execute({ schema, document: documents.get(query), variableValues: variables, operationName });
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(result));
    });
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

(async () => {
  const found = [];
  for (const [name, part] of Object.entries(parts)) {
    found.push({ name, sdl: part.sdl, url: `http://127.0.0.1:${await serve(part)}/graphql` });
  }
  fs.writeFileSync(process.argv[2] + ".partial", JSON.stringify(found));
  fs.renameSync(process.argv[2] + ".partial", process.argv[2]);
})();
