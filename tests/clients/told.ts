// What the test gives each client, and what each client reports: the same for all of them.
const told = (name: string) => process.env[name] ?? "";
export const SHOP = told("SHOP");
export const GRPC = told("GRPC");
export const PROTOS = told("PROTOS");
export const [USERNAME, PASSWORD] = [told("USERNAME"), told("PASSWORD")];

export function report(product: unknown, total: unknown, status: unknown, createdAt: unknown, ...refusals: unknown[]) {
  console.log(JSON.stringify({ product, total, status, ordered: Boolean(createdAt), refusals }));
}
