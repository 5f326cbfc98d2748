/* Timestamps as protobuf's JSON writes them: "2026-01-31T12:00:00.25Z". */

export const TIMESTAMP = "google.protobuf.Timestamp";
export const EPOCH = "1970-01-01T00:00:00Z";

/** Return the fields of the message. */
export function fieldsOfTime(text) {
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds)) throw new Error(`Not a time: ${JSON.stringify(text)}. Write it as ${EPOCH}.`);
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? "";
  return { seconds: Math.floor(milliseconds / 1_000), nanos: Number(fraction.padEnd(9, "0")) };
}

export function textOfTime({ seconds, nanos }) {
  const fraction = nanos ? `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}` : "";
  return `${new Date(seconds * 1_000).toISOString().slice(0, 19)}${fraction}Z`;
}
