/* Reads and writes protobuf by the descriptors that the shop sends. Enough for gRPC-Web; not a library. */

import { EPOCH, TIMESTAMP, fieldsOfTime, textOfTime } from "./timestamps.js";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const WIRE = { double: FIXED64, fixed64: FIXED64, sfixed64: FIXED64, float: FIXED32, fixed32: FIXED32, sfixed32: FIXED32 };
const LONG = new Set(["int64", "uint64", "sint64", "fixed64", "sfixed64"]);
const text = new TextEncoder();
const plain = new TextDecoder();

export class Schema {
  constructor({ messages, enums, methods }) {
    Object.assign(this, { messages, enums, methods });
  }

  method(path) {
    const found = this.methods.find((method) => method.path === path);
    if (!found) throw new Error(`No method ${path}`);
    return found;
  }

  // -- Writing -------------------------------------------------------------------------------------------------------
  encode(kind, value) {
    const out = [];
    const known = new Map(this.messages[kind].map((field) => [field.name, field]));
    for (const [name, given] of Object.entries(value)) {
      const field = known.get(name);
      if (!field) throw new Error(`${kind} has no field ${name}`);
      if (given !== null && given !== undefined) this.#field(out, field, given);
    }
    return new Uint8Array(out);
  }

  #field(out, field, given) {
    if (field.map) {
      for (const [key, value] of Object.entries(given)) this.#one(out, field, { key, value });
    } else if (field.repeated) {
      if (!Array.isArray(given)) throw new Error(`${field.name} is a list`);
      for (const each of given) this.#one(out, field, each);
    } else if (field.optional || field.type === "message" || !isZero(given)) {
      this.#one(out, field, given);
    }
  }

  #one(out, field, value) {
    const wire = wireOf(field);
    varint(out, BigInt((field.number << 3) | wire));
    if (wire === BYTES) {
      const bytes = this.#bytes(field, value);
      varint(out, BigInt(bytes.length));
      for (const byte of bytes) out.push(byte);
    } else if (wire === VARINT) {
      varint(out, this.#whole(field, value));
    } else {
      out.push(...fixed(field.type, value));
    }
  }

  #bytes(field, value) {
    if (field.type === "message") return this.encode(field.kind, field.kind === TIMESTAMP ? fieldsOfTime(value) : value);
    return field.type === "bytes" ? Uint8Array.from(atob(value), (c) => c.charCodeAt(0)) : text.encode(String(value));
  }

  #whole(field, value) {
    if (field.type === "bool") return value ? 1n : 0n;
    const number = field.type === "enum" ? (this.enums[field.kind][value] ?? value) : value;
    if (!/^-?\d+$/.test(String(number))) throw new Error(`${field.name} must be a whole number, not ${value}`);
    const whole = BigInt(number);
    return field.type.startsWith("sint") ? (whole << 1n) ^ (whole >> 63n) : whole;
  }

  // -- Reading -------------------------------------------------------------------------------------------------------
  decode(kind, bytes) {
    const fields = this.messages[kind] ?? [];
    const found = Object.fromEntries(fields.filter(hasDefault).map((field) => [field.name, defaultOf(field, this)]));
    const known = new Map(fields.map((field) => [field.number, field]));
    const reader = new Reader(bytes);
    while (!reader.isAtEnd) {
      const tag = Number(reader.varint());
      const field = known.get(tag >>> 3);
      const raw = reader.raw(tag & 7);
      if (field) this.#take(found, field, tag & 7, raw);
    }
    return found;
  }

  #take(found, field, wire, raw) {
    if (field.map) {
      const { key, value } = this.decode(field.kind, raw);
      found[field.name][key] = value;
    } else if (field.repeated && wire === BYTES && wireOf(field) !== BYTES) {
      const packed = new Reader(raw);
      while (!packed.isAtEnd) found[field.name].push(this.#value(field, packed.raw(wireOf(field))));
    } else if (field.repeated) {
      found[field.name].push(this.#value(field, raw));
    } else {
      found[field.name] = this.#value(field, raw);
    }
  }

  #value(field, raw) {
    switch (field.type) {
      case "message":
        return field.kind === TIMESTAMP ? textOfTime(this.decode(field.kind, raw)) : this.decode(field.kind, raw);
      case "string":
        return plain.decode(raw);
      case "bytes":
        return btoa(String.fromCharCode(...raw));
      case "bool":
        return raw !== 0n;
      case "enum":
        return Object.keys(this.enums[field.kind]).find((name) => this.enums[field.kind][name] === Number(raw)) ?? Number(raw);
      default:
        return numberOf(field.type, raw);
    }
  }

  /** Return an example of a message, for the form of the explorer. */
  example(kind, depth = 3) {
    const fields = depth ? this.messages[kind].filter((field) => !field.optional) : [];
    return Object.fromEntries(fields.map((field) => [field.name, this.#exampleOf(field, depth)]));
  }

  #exampleOf(field, depth) {
    if (field.map) return {};
    const isMessage = field.type === "message" && field.kind !== TIMESTAMP;
    const one = isMessage ? this.example(field.kind, depth - 1) : defaultOf({ ...field, repeated: false }, this);
    return field.repeated ? [one] : one;
  }
}

const isZero = (value) => value === 0 || value === "" || value === false || value === "0";
const hasDefault = (field) => field.repeated || (!field.optional && field.type !== "message");

function wireOf({ type }) {
  return ["string", "bytes", "message"].includes(type) ? BYTES : (WIRE[type] ?? VARINT);
}

function defaultOf(field, schema) {
  if (field.map) return {};
  if (field.repeated) return [];
  if (field.type === "string" || field.type === "bytes") return "";
  if (field.type === "bool") return false;
  if (field.kind === TIMESTAMP) return EPOCH;
  return field.type === "enum" ? Object.keys(schema.enums[field.kind])[0] : 0;
}

function varint(out, value) {
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
}

function fixed(type, value) {
  const view = new DataView(new ArrayBuffer(WIRE[type] === FIXED64 ? 8 : 4));
  if (type === "double") view.setFloat64(0, value, true);
  else if (type === "float") view.setFloat32(0, value, true);
  else if (WIRE[type] === FIXED64) view.setBigInt64(0, BigInt(value), true);
  else view.setInt32(0, value, true);
  return new Uint8Array(view.buffer);
}

function numberOf(type, raw) {
  if (raw instanceof Uint8Array) {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    if (type === "double") return view.getFloat64(0, true);
    if (type === "float") return view.getFloat32(0, true);
    return LONG.has(type) ? safe(view.getBigInt64(0, true)) : view.getInt32(0, true);
  }
  if (type === "uint32" || type === "uint64") return safe(raw);
  if (type.startsWith("sint")) return safe((raw >> 1n) ^ -(raw & 1n));
  return safe(BigInt.asIntN(64, raw));
}

const safe = (whole) => (Number.isSafeInteger(Number(whole)) ? Number(whole) : whole.toString());

class Reader {
  #at = 0;

  constructor(bytes) {
    this.bytes = bytes;
  }

  get isAtEnd() {
    return this.#at >= this.bytes.length;
  }

  varint() {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw new Error("The message ends too early");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
      shift += 7n;
    }
  }

  raw(wire) {
    if (wire === VARINT) return this.varint();
    const length = wire === BYTES ? Number(this.varint()) : wire === FIXED64 ? 8 : 4;
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }
}

let loading;

/** Return the schema of the shop; it is loaded once. */
export function schema() {
  loading ??= fetch(document.getElementById("methods").dataset.descriptors)
    .then((response) => response.json())
    .then((found) => new Schema(found));
  return loading;
}
