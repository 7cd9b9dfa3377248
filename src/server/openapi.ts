/** OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1), made of the two tables of `api/`. */
import { type Access, type Operation, type OperationName, operations } from "../api/operations.ts";
import { type Shape, shapes } from "../api/shapes.ts";
import type { Json } from "../base/json.ts";

type JsonObject = { [name: string]: Json };

/** `text` operations answer these instead of JSON. */
export const textTypes: Readonly<Partial<Record<OperationName, string>>> = {
  "server.metrics": "text/plain; version=0.0.4; charset=utf-8",
  "ca.crl": "application/x-pem-file",
};
export const jsonType = "application/json";
export const streamType = "application/x-ndjson";

export function openapi(version: string): JsonObject {
  const paths: { [path: string]: JsonObject } = {};
  for (const [name, operation] of Object.entries(operations) as [OperationName, Operation][]) {
    const path = operation.path.replace("...}", "}");
    const item = paths[path] ?? {};
    item[operation.method.toLowerCase()] = describe(name, operation);
    paths[path] = item;
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Keyward",
      version,
      description:
        "The right key on the right server. Times are milliseconds since 1970 UTC; values are base64.",
    },
    servers: [{ url: "https://localhost:5070" }],
    paths,
    components: { schemas: { Error: errorShape }, securitySchemes },
  };
}

const errorShape: JsonObject = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message"],
      properties: {
        code: { type: "string" },
        message: { type: "string" },
        hint: { type: "string", description: "The next step, for a person" },
      },
    },
  },
};

const securitySchemes: JsonObject = {
  token: { type: "http", scheme: "bearer", description: "An operator's token" },
  certificate: { type: "mutualTLS", description: "A node's or an operator's certificate from Keyward's CA" },
};

function describe(name: OperationName, operation: Operation): JsonObject {
  const shape: Shape = shapes[name];
  const described: JsonObject = {
    operationId: name,
    summary: operation.summary,
    tags: [name.split(".")[0] ?? name],
    security: securityOf(operation.access),
    "x-keyward-access": accessText(operation.access),
    parameters: parametersOf(operation, shape),
    responses: { "200": answerOf(name, operation, shape), default: refusal },
  };
  if (shape.body !== undefined)
    described.requestBody = { required: true, content: { [jsonType]: { schema: plain(shape.body) } } };
  return described;
}

const refusal: JsonObject = {
  description: "Refused or failed: `code` says why",
  content: { [jsonType]: { schema: { $ref: "#/components/schemas/Error" } } },
};

function securityOf(access: Access): Json[] {
  switch (access.kind) {
    case "public":
      return [];
    case "node":
      return [{ certificate: [] }];
    case "signed-in":
    case "rule":
      return [{ token: [] }, { certificate: [] }];
  }
}

/** For people: who may call. */
export function accessText(access: Access): string {
  switch (access.kind) {
    case "public":
      return "anyone";
    case "node":
      return "a node, for itself";
    case "signed-in":
      return "anyone signed in";
    case "rule":
      return `a rule with ${access.action}`;
  }
}

function parametersOf(operation: Operation, shape: Shape): Json[] {
  const list = [...membersOf("path", shape.path), ...membersOf("query", shape.query)];
  if (operation.changes === true)
    list.push({
      name: "dry-run",
      in: "query",
      required: false,
      schema: { type: "boolean" },
      description: "Check and answer as if it were done, and change nothing",
    });
  return list;
}

function membersOf(place: "path" | "query", part: Shape["path"]): Json[] {
  const required = (part as { required?: string[] } | undefined)?.required ?? [];
  return Object.entries(part?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: plain(schema),
  }));
}

function answerOf(name: OperationName, operation: Operation, shape: Shape): JsonObject {
  const type = operation.stream === true ? streamType : (textTypes[name] ?? jsonType);
  const schema = shape.response === undefined ? { type: "string" } : plain(shape.response);
  const description = operation.stream === true ? "One JSON value a line; blank lines keep it alive" : "Done";
  return { description, content: { [type]: { schema } } };
}

/** The schema as JSON: what the library keeps beside it (symbols, hidden members) falls away. */
function plain(schema: object): Json {
  return JSON.parse(JSON.stringify(schema)) as Json;
}
