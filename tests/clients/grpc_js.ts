// @grpc/grpc-js with the types that proto-loader-gen-types writes.
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";
import type { ProtoGrpcType as Accounts } from "./grpc_types/account";
import type { ProtoGrpcType as Orders } from "./grpc_types/order";
import type { ProtoGrpcType as Products } from "./grpc_types/product";
import type { ListProductsResponse__Output } from "./grpc_types/ecommerce/ListProductsResponse";
import type { ObtainTokenResponse__Output } from "./grpc_types/ecommerce/ObtainTokenResponse";
import type { PlaceOrderResponse__Output } from "./grpc_types/ecommerce/PlaceOrderResponse";
import { GRPC, PASSWORD, PROTOS, USERNAME, report } from "./told";

const definition = loader.loadSync(["product.proto", "order.proto", "account.proto"], { includeDirs: [PROTOS] });
const shop = (grpc.loadPackageDefinition(definition) as unknown as Products & Orders & Accounts).ecommerce;
const insecure = grpc.credentials.createInsecure();
const products = new shop.ProductService(GRPC, insecure);
const orders = new shop.OrderService(GRPC, insecure);
const accounts = new shop.AccountService(GRPC, insecure);

type Done<Reply> = (error: grpc.ServiceError | null, reply?: Reply) => void;
const answer = <Reply>(call: (done: Done<Reply>) => unknown) =>
  new Promise<Reply>((resolve, reject) => call((error, reply) => (error ? reject(error) : resolve(reply!))));
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    ({ code }: grpc.ServiceError) => grpc.status[code]?.toLowerCase(),
  );

const first = { pageSize: 1, sortBy: "price" };
const page = await answer<ListProductsResponse__Output>((done) => products.ListProducts(first, done));
const product = page.products?.[0];
if (!product?.id) throw new Error("no product");
const metadata = new grpc.Metadata();
const order = (quantity: number) => {
  const basket = { items: [{ productId: product.id!, quantity }] };
  return answer<PlaceOrderResponse__Output>((done) => orders.PlaceOrder(basket, metadata, done));
};

const unknown = await refusal(order(1));
const credentials = { username: USERNAME, password: PASSWORD };
const pair = await answer<ObtainTokenResponse__Output>((done) => accounts.ObtainToken(credentials, done));
metadata.set("authorization", `Bearer ${pair.access ?? ""}`);
const placed = (await order(2)).order;
report(product.name, placed?.total, placed?.status, placed?.createdAt, unknown, await refusal(order(1_000)));
