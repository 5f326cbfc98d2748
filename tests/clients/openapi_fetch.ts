// openapi-fetch with the types that openapi-typescript writes.
import createClient from "openapi-fetch";
import type { paths } from "./openapi_typescript_v1";
import { PASSWORD, SHOP, USERNAME, report } from "./told";

const client = createClient<paths>({ baseUrl: SHOP });
const query = { sort: "price", order: "asc", per_page: 1 } as const;
const { data: page } = await client.GET("/api/v1/products", { params: { query } });
const product = page?.products[0];
if (!product) throw new Error("no product");
const items = (quantity: number) => ({ body: { items: [{ product_id: product.id, quantity }] } });

const unknown = await client.POST("/api/v1/orders", items(1));
const signedIn = await client.POST("/api/v1/auth/token", { body: { username: USERNAME, password: PASSWORD } });
const headers = { Authorization: `Bearer ${signedIn.data?.access}` };
const { data: order } = await client.POST("/api/v1/orders", { ...items(2), headers });
if (!order) throw new Error("no order");
const refused = await client.POST("/api/v1/orders", { ...items(1_000), headers });
// @ts-expect-error: the type names the codes of the catalogue, and this is not one of them
if (refused.error?.code === "no_such_code") throw new Error("impossible");

report(product.name, order.total, order.status, order.created_at, unknown.error?.code, refused.error?.code);
