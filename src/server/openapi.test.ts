import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Compile } from "typebox/compile";
import { type Operation, operations } from "../api/operations.ts";
import { type Shape, shapes } from "../api/shapes.ts";
import { apiMarkdown } from "./api-markdown.ts";
import { openapi } from "./openapi.ts";

/** JSON, read loosely: a test that reads past the end fails by itself. */
interface Doc {
  [name: string]: Doc;
}
const document = openapi("0.0.0") as unknown as Doc;
const table = Object.entries(operations) as [keyof typeof operations, Operation][];

test("every operation stands once in the document, under its method and path", () => {
  const ids: string[] = [];
  for (const item of Object.values(document.paths as Doc))
    for (const described of Object.values(item)) ids.push(String(described.operationId));
  assert.deepEqual(ids.sort(), table.map(([name]) => name).sort());
  for (const [name, { method, path }] of table) {
    const found = document.paths?.[path.replace("...}", "}")]?.[method.toLowerCase()];
    assert.equal(found?.operationId, name);
  }
});

test("the document has the members that OpenAPI 3.1 asks for", () => {
  assert.match(String(document.openapi), /^3\.1\.\d+$/);
  assert.equal(typeof document.info?.title, "string");
  assert.equal(typeof document.info?.version, "string");
  for (const [path, item] of Object.entries(document.paths as Doc)) {
    assert.match(path, /^\//);
    const names = [...path.matchAll(/\{([^}]+)\}/g)].map((m) => m[1]);
    for (const [method, described] of Object.entries(item)) {
      assert.match(method, /^(get|put|post|patch|delete)$/);
      const parameters = described.parameters as unknown as { name: string; in: string; required: boolean }[];
      const inPath = parameters.filter((p) => p.in === "path");
      assert.deepEqual(
        inPath.map((p) => p.name),
        names,
        "path parameters are those of the template",
      );
      assert.ok(inPath.every((p) => p.required));
      assert.equal(new Set(parameters.map((p) => `${p.in} ${p.name}`)).size, parameters.length);
      assert.ok(described.responses?.["200"]?.description);
      for (const security of described.security as unknown as object[])
        for (const scheme of Object.keys(security)) assert.ok(document.components?.securitySchemes?.[scheme]);
    }
  }
});

test("every schema of the document compiles, and every reference resolves", () => {
  const text = JSON.stringify(document);
  for (const [, reference] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
    let at: Doc | undefined = document;
    for (const part of (reference ?? "").slice(2).split("/")) at = at?.[part];
    assert.ok(at, reference);
  }
  for (const shape of Object.values(shapes) as Shape[])
    for (const part of [shape.path, shape.query, shape.body, shape.response])
      if (part !== undefined) Compile(JSON.parse(JSON.stringify(part)));
});

test("path members of shape and table agree, and every route has an access rule", () => {
  for (const [name, operation] of table) {
    const names = [...operation.path.matchAll(/\{([a-z]+)/g)].map((m) => m[1]);
    assert.deepEqual(Object.keys((shapes[name] as Shape).path?.properties ?? {}), names, name);
    assert.match(operation.access.kind, /^(public|node|signed-in|rule)$/, `${name} has no access rule`);
    if (operation.access.kind === "rule") assert.match(operation.access.action, /^[a-z]+:[a-z]+$/);
  }
});

test("objects from outside are closed: an unknown member is refused", () => {
  const walk = (schema: Doc, place: string): void => {
    if (String(schema.type) === "object" && schema.properties !== undefined)
      assert.equal(String(schema.additionalProperties), "false", place);
    for (const [name, member] of Object.entries(schema))
      if (typeof member === "object" && member !== null) walk(member, `${place}.${name}`);
  };
  for (const [name, shape] of Object.entries(shapes) as [string, Shape][])
    for (const part of ["path", "query", "body"] as const)
      if (shape[part] !== undefined) walk(JSON.parse(JSON.stringify(shape[part])), `${name} ${part}`);
});

test("docs/api.md is what the tables say; `npm run api-docs` writes it anew", () => {
  assert.equal(readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8"), apiMarkdown());
});
