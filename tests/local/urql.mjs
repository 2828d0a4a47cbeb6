// A real client, urql: a query with variables, a mutation, an error, all as its users write them.
import { Client, fetchExchange, gql } from "@urql/core";

const [url, token] = process.argv.slice(2);
const client = new Client({
  url,
  exchanges: [fetchExchange],
  preferGetMethod: false,
  fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
});
const told = ({ data, error }) => ({
  data,
  errors: error?.graphQLErrors.map(({ message, extensions, path }) => ({ message, extensions, path })),
  network: error?.networkError?.message,
});

const made = await client.mutation(
  gql`
    mutation Make($new: NewCustomerInput!) {
      createCustomer(input: $new) {
        id
        version
      }
    }
  `,
  { new: { code: "U-1", name: "Urql Ltd" } },
);
const read = await client.query(
  gql`
    query Read($id: ID!) {
      customer(id: $id) {
        __typename
        name
        createdBy {
          name
        }
      }
    }
  `,
  { id: made.data?.createCustomer?.id },
);
const byGet = await client.query(gql`{ me { name } }`, {}, { preferGetMethod: "force" });
const refused = await client.query(gql`{ nothing }`, {});
process.stdout.write(JSON.stringify([made, read, byGet, refused].map(told)));
