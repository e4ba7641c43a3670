// Checks every query against the tables that Keywatch fills: names, types, syntax.
//
//   node check.mjs <infrastructure folder> <folder of queries> [<Markdown file or further query> ...]
//
// Files in the folder `functions` are saved functions, named like their file; queries may call them. In Markdown the
// blocks marked `kusto` are queries. A data flow's transformKql must also yield columns that its table has.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import { analyze, kustoType, makeFunction, makeTable, makeWorkspace } from "./binder.mjs";

// Source: Microsoft Learn, "Standard columns in Azure Monitor Logs".
const STANDARD_COLUMNS = [
  { name: "TenantId", type: "string" },
  { name: "Type", type: "string" },
  { name: "SourceSystem", type: "string" },
  { name: "_ItemId", type: "string" },
  { name: "_ResourceId", type: "string" },
  { name: "_SubscriptionId", type: "string" },
  { name: "_TimeReceived", type: "datetime" },
  { name: "_IsBillable", type: "string" },
  { name: "_BilledSize", type: "real" },
];

function read(file) {
  return readFileSync(file, "utf8");
}

function filesIn(folder, ending) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, name));
}

// A query is `{file, text, offset, query}`: it begins at `offset` in the file's text.
function wholeFile(file) {
  const text = read(file);
  return { file, text, offset: 0, query: text };
}

function queriesOf(file) {
  return file.endsWith(".kql") ? [wholeFile(file)] : blocksOf(file);
}

function blocksOf(file) {
  const text = read(file);
  return [...text.matchAll(/^```kusto\r?\n(.*?)^```/gms)].map((block) => {
    return { file, text, offset: block.index + block[0].indexOf("\n") + 1, query: block[1] };
  });
}

function checkQuery(source, workspace) {
  const { problems, columns } = analyze(source.query, workspace);
  if (problems.length === 0 && columns.length === 0) {
    return [{ ...source, start: 0, code: "no-query", message: "There is no query here that returns anything." }];
  }
  return problems.map((problem) => ({ ...source, ...problem }));
}

function checkRule(file, tables) {
  const text = read(file);
  const { streamDeclarations, dataFlows } = JSON.parse(text).properties;
  let offset = 0;
  return dataFlows.flatMap(({ streams, transformKql, outputStream }) => {
    // Exact as long as the query holds nothing that JSON escapes; beyond that, a few columns to the left.
    offset = text.indexOf('"', text.indexOf(":", text.indexOf('"transformKql"', offset))) + 1;
    const source = { file, text, offset, query: transformKql };
    return streams.flatMap((stream) => checkFlow(source, streamDeclarations[stream], tables, outputStream));
  });
}

function checkFlow(source, stream, tables, outputStream) {
  const name = outputStream.replace(/^Custom-/, "");
  const problem = (code, message) => ({ ...source, start: 0, code, message });
  if (!stream || !tables.has(name)) {
    return [problem("no-table", `The flow to ${outputStream} has no declared stream, or no table.`)];
  }
  const workspace = makeWorkspace([makeTable("source", stream.columns)]);
  const { problems, columns } = analyze(source.query, workspace);
  const misfits = columns.filter((column) => tables.get(name).get(column.name) !== column.type);
  return [
    ...problems.map((each) => ({ ...source, ...each })),
    ...misfits.map(({ name: column, type }) => problem("no-column", `${name} has no column ${column} of type ${type}.`)),
  ];
}

function print({ file, text, offset, start, code, message }) {
  const before = text.slice(0, offset + start).split("\n");
  const column = before.at(-1).length;
  const line = text.split("\n")[before.length - 1].trimEnd();
  console.error(`${file}:${before.length}:${column + 1}: ${code} ${message}\n    ${line}\n    ${" ".repeat(column)}^`);
}

const [infrastructure, folder, ...documents] = process.argv.slice(2);
const schemas = filesIn(join(infrastructure, "tables"), ".json").map((file) => JSON.parse(read(file)).properties.schema);
const functions = filesIn(join(folder, "functions"), ".kql").map(wholeFile);
const queries = [...functions, ...filesIn(folder, ".kql").map(wholeFile), ...documents.flatMap(queriesOf)];
const workspace = makeWorkspace([
  ...schemas.map(({ name, columns }) => makeTable(name, [...columns, ...STANDARD_COLUMNS])),
  ...functions.map(({ file, query }) => makeFunction(basename(file, ".kql"), query)),
]);
const columnTypes = schemas.map(({ name, columns }) => {
  return [name, new Map(columns.map((column) => [column.name, kustoType(column.type)]))];
});

const problems = [
  ...queries.flatMap((source) => checkQuery(source, workspace)),
  ...checkRule(join(infrastructure, "data_collection_rule.json"), new Map(columnTypes)),
];
problems.forEach(print);
if (problems.length > 0) {
  console.error(`\n${problems.length} problems in ${queries.length} queries and the data collection rule.`);
  process.exitCode = 1;
} else {
  console.log(`${queries.length} queries and the data collection rule fit the ${schemas.length} tables.`);
}
