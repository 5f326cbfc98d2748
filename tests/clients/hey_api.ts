// The client that @hey-api/openapi-ts writes. It sends the token with the operations that require one.
import { listProducts, placeOrder, signIn } from "./hey_api_v1";
import { client } from "./hey_api_v1/client.gen";
import { PASSWORD, SHOP, USERNAME, report } from "./told";

let token: string | undefined;
client.setConfig({ baseUrl: SHOP, auth: () => token });

const { data: page } = await listProducts({ query: { sort: "price", order: "asc", per_page: 1 }, throwOnError: true });
const [product] = page.products;
if (!product) throw new Error("no product");
const items = (quantity: number) => ({ body: { items: [{ product_id: product.id, quantity }] } });

const unknown = await placeOrder(items(1));
const { data: pair } = await signIn({ body: { username: USERNAME, password: PASSWORD }, throwOnError: true });
token = pair.access;
const { data: order } = await placeOrder({ ...items(2), headers: { "Idempotency-Key": "hey-api" }, throwOnError: true });
const refused = await placeOrder(items(1_000));
// @ts-expect-error: the type names the codes of the catalogue, and this is not one of them
if (refused.error?.code === "no_such_code") throw new Error("impossible");

report(product.name, order.total, order.status, order.created_at, unknown.error?.code, refused.error?.code);
