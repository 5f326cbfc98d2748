// The documents and types that graphql-codegen writes, with DateTime as string.
import { print } from "graphql";
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { CheapestDocument, PlaceOrderDocument, SignInDocument } from "./graphql_codegen_types";
import { PASSWORD, SHOP, USERNAME, report } from "./told";

type Answer<Data> = { data?: Data | null; errors?: { extensions: { code: string } }[] };
let token = "";

async function ask<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  const body = JSON.stringify({ query: print(document), variables });
  return (await (await fetch(`${SHOP}/graphql`, { method: "POST", headers, body })).json()) as Answer<Data>;
}

const product = (await ask(CheapestDocument, {})).data?.allProducts?.edges[0]?.node;
if (!product) throw new Error("no product");
const createdAt: string = product.createdAt;
const items = (quantity: number) => ({ items: [{ productId: product.pk, quantity }] });

const unknown = await ask(PlaceOrderDocument, items(1));
const signedIn = await ask(SignInDocument, { username: USERNAME, password: PASSWORD });
token = signedIn.data?.obtainToken?.access ?? "";
const order = (await ask(PlaceOrderDocument, items(2))).data?.placeOrder?.order;
if (!order) throw new Error("no order");
const refused = await ask(PlaceOrderDocument, items(1_000));

const codes = [unknown, refused].map(({ errors }) => errors?.[0]?.extensions.code.toLowerCase());
report(product.name, order.total, order.status.toLowerCase(), createdAt && order.createdAt, ...codes);
