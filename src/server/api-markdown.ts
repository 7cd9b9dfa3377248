/** `docs/api.md`, made of the two tables of `api/`. Run this file to write it. */
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { type Operation, type OperationName, operations } from "../api/operations.ts";
import { type Shape, shapes } from "../api/shapes.ts";
import { accessText } from "./openapi.ts";

const head = `# The API

Made by \`node src/server/api-markdown.ts\` from \`src/api/\`: do not edit it here. The same as OpenAPI 3.1 is served at
\`/v1/openapi.json\`.

HTTPS with TLS 1.3 on port 5070. An operator sends \`Authorization: Bearer TOKEN\` or presents a client certificate; a
node presents its client certificate. Bodies and answers are JSON; a stream is one JSON value a line, with blank lines to
keep it alive. Times are milliseconds since 1970 UTC, durations are milliseconds, values and other bytes are base64.
Members and query parameters that are not listed are refused. Operations marked *dry-run* take \`?dry-run=true\`: they check and answer as if it
were done, and change nothing.

An error is \`{"error":{"code","message","hint"}}\`; \`hint\` is the next step for a person. Every answer carries
\`x-request-id\`, which the server's log and the audit event carry too.

| code | status |
|---|---|
| \`usage\`, \`malformed\`, \`wrong-key\` | 400 |
| \`unauthenticated\` | 401 |
| \`denied\` | 403 |
| \`not-found\` | 404 |
| \`conflict\`, \`busy\` | 409 |
| \`compacted\` | 410 |
| \`too-large\` | 413 |
| \`rate-limited\` | 429 |
| \`internal\`, \`integrity\`, \`local\` | 500 |
| \`sealed\`, \`uninitialised\` | 503 |
| \`timeout\` | 504 |

In paths, \`{name...}\` is the rest of the path (key names hold slashes). In shapes, \`?\` marks what may be left out.
`;

export function apiMarkdown(): string {
  let group = "";
  let text = head;
  for (const [name, operation] of Object.entries(operations) as [OperationName, Operation][]) {
    const noun = name.split(".")[0] ?? name;
    if (noun !== group) text += `\n## ${noun}\n`;
    group = noun;
    text += section(name, operation);
  }
  return text;
}

function section(name: OperationName, operation: Operation): string {
  const shape: Shape = shapes[name];
  const marks = [
    accessText(operation.access),
    ...(operation.changes ? ["dry-run"] : []),
    ...(operation.stream ? ["a stream"] : []),
    ...(operation.whileSealed ? ["also while sealed"] : []),
  ];
  const lines = [
    `\n### \`${operation.method} ${operation.path}\`\n`,
    `\`${name}\`: ${operation.summary}. For ${marks.join("; ")}.\n`,
  ];
  if (shape.query !== undefined) lines.push(`- query: \`${sketch(shape.query as Schema)}\``);
  if (shape.body !== undefined) lines.push(`- body: \`${sketch(shape.body as Schema)}\``);
  lines.push(`- answer: ${shape.response ? `\`${sketch(shape.response as Schema)}\`` : "text"}`);
  return `${lines.join("\n")}\n`;
}

/** As much of JSON Schema as the shapes use. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Schema>>;
}

function sketch(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(sketch).join(" | ");
  if (schema.items !== undefined) return `[${sketch(schema.items)}, …]`;
  if (schema.properties !== undefined) return sketchObject(schema);
  return schema.type === undefined ? "any" : schema.type;
}

function sketchObject({ properties = {}, required = [] }: Schema): string {
  const members = Object.entries(properties).map(
    ([name, member]) => `${name}${required.includes(name) ? "" : "?"}: ${sketch(member)}`,
  );
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(new URL("../../docs/api.md", import.meta.url), apiMarkdown());
